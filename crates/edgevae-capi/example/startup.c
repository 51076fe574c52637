/* Vectors, reset and faults of the emulated board; a firmware has its vendor's. */
#include <stdint.h>
#include "host.h"

extern uint32_t stack_top[], data_begin[], data_end[], bss_begin[], bss_end[];
extern const uint32_t data_in_flash[];
int main(void);

static void fault(void) { host_exit(102); }

void reset(void) {
  const uint32_t *from = data_in_flash;
  for (uint32_t *to = data_begin; to < data_end;) *to++ = *from++;
  for (uint32_t *to = bss_begin; to < bss_end;) *to++ = 0;
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: the floating-point unit on */
  __asm volatile("dsb\n isb");
  host_exit(main());
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
  stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
