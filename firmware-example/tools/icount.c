/*
 * QEMU plugin: counts executed instructions, exactly and for each address.
 *
 *   gcc -shared -fPIC -O2 icount.c -o libicount.so
 *   qemu-system-arm ... -plugin ./libicount.so,out=FILE -d plugin
 *
 * FILE gets a line `address count disassembly` for each instruction that was translated, and at last `TOTAL count`.
 * Runs are repeatable to the instruction; the difference of two run lengths is the cost of what they differ by.
 *
 * The declarations are those of plugin API version 1 (QEMU 6.0 and later), written here because Debian ships QEMU
 * without its header.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
typedef void (*translated_fn)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*exit_fn)(qemu_plugin_id_t, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_fn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *, uint64_t);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_fn, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;

/* Open addressing; an image of this project has some 10,000 instructions. */
#define SLOTS (1u << 18)
static struct slot {
  uint64_t address, count;
  char *text;
} slots[SLOTS];
static size_t used;
static const char *out = "icount.txt";

static struct slot *slot_of(uint64_t address, struct qemu_plugin_insn *instruction) {
  uint32_t at = (uint32_t)((address >> 1) * 2654435761u) >> 14;
  while (slots[at].text && slots[at].address != address) at = (at + 1) % SLOTS;
  if (!slots[at].text) {
    if (++used == SLOTS) {
      fputs("icount: more instructions than slots; raise SLOTS\n", stderr);
      exit(2);
    }
    char *text = qemu_plugin_insn_disas(instruction);
    slots[at] = (struct slot){ .address = address, .text = text ? text : strdup("?") };
  }
  return &slots[at];
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t at = 0; at < qemu_plugin_tb_n_insns(block); at++) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, at);
    uint64_t *count = &slot_of(qemu_plugin_insn_vaddr(instruction), instruction)->count;
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64, count, 1);
  }
}

static void write_counts(qemu_plugin_id_t id, void *unused) {
  (void)id, (void)unused;
  FILE *file = fopen(out, "w");
  if (!file) {
    perror(out);
    exit(2);
  }
  uint64_t total = 0;
  for (size_t at = 0; at < SLOTS; at++) {
    if (!slots[at].text) continue;
    total += slots[at].count;
    fprintf(file, "%08llx %llu %s\n", (unsigned long long)slots[at].address, (unsigned long long)slots[at].count,
            slots[at].text);
  }
  fprintf(file, "TOTAL %llu\n", (unsigned long long)total);
  fclose(file);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
  (void)info;
  for (int at = 0; at < argc; at++)
    if (!strncmp(argv[at], "out=", 4)) out = strdup(argv[at] + 4);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, write_counts, NULL);
  return 0;
}
