/* Vectors, reset and faults of the emulated board; a firmware has its vendor's. */
#include <stdint.h>
#include "host.h"

extern uint32_t stack_top[], data_begin[], data_end[], bss_begin[], bss_end[];
extern const uint32_t data_in_flash[];
int main(void);

/* Says where: `frame` is what the core pushes on an exception, r0 to r3, r12, lr, pc and xpsr. */
__attribute__((noreturn)) void report_fault(const uint32_t *frame) {
  static const char digits[] = "0123456789abcdef";
  char pc[] = "0x00000000\n";
  for (int at = 0; at < 8; at++) pc[2 + at] = digits[frame[6] >> (28 - 4 * at) & 0xF];
  host_print("hard fault at pc ");
  host_print(pc);
  host_exit(102);
}

/* Naked: a prologue would push more onto the frame. */
__attribute__((naked)) static void fault(void) { __asm volatile("mov r0, sp\n b report_fault"); }

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
