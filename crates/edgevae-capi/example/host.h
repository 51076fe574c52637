/* Files and exit of the host by Arm's semihosting: what stands in for a sensor here. */
#ifndef HOST_H
#define HOST_H

#include <stddef.h>
#include <stdint.h>

static inline uintptr_t host_call(uintptr_t operation, const void *parameters) {
  register uintptr_t r0 __asm("r0") = operation;
  register const void *r1 __asm("r1") = parameters;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

enum { HOST_READ_BINARY = 1, HOST_WRITE = 4 };

/* A handle, or -1. */
static inline intptr_t host_open(const char *name, uintptr_t length, uintptr_t mode) {
  const uintptr_t parameters[] = { (uintptr_t)name, mode, length };
  return (intptr_t)host_call(0x01, parameters);
}

/* Number of bytes that were NOT read. */
static inline uintptr_t host_read(intptr_t file, void *bytes, uintptr_t length) {
  const uintptr_t parameters[] = { (uintptr_t)file, (uintptr_t)bytes, length };
  return host_call(0x06, parameters);
}

/* Number of bytes that were NOT written. */
static inline uintptr_t host_write(intptr_t file, const void *bytes, uintptr_t length) {
  const uintptr_t parameters[] = { (uintptr_t)file, (uintptr_t)bytes, length };
  return host_call(0x05, parameters);
}

/* Text on the host's terminal. */
static inline void host_print(const char *text) { host_call(0x04, text); }

__attribute__((noreturn)) static inline void host_exit(int code) {
  const uintptr_t parameters[] = { 0x20026, (uintptr_t)code }; /* ADP_Stopped_ApplicationExit */
  host_call(0x20, parameters);
  for (;;) {}
}

#endif
