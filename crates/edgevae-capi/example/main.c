/*
 * Scores the samples of `samples.bin` (`edgevae samples`: row number, then the values) and writes `scores.bin`: for each
 * row its number, the score and the verdict, four bytes each. Exact bits: no decimal in between.
 */
#include <stdint.h>

#include "edgevae.h"
#include "host.h"

extern const uint8_t model_begin[], model_end[];

/* Room for models of up to 256 inputs and layers of up to 512. A larger one is refused with a reason. */
static float scratch[256 + 2 * 512];
static float sample[256];
static edgevae_model model;

static int refuse(int32_t status) {
  host_print("error: ");
  host_print(edgevae_status_text(status));
  host_print("\n");
  return 1;
}

int main(void) {
  edgevae_status status = edgevae_model_load(&model, model_begin, (size_t)(model_end - model_begin));
  if (status != EDGEVAE_STATUS_OK) return refuse(status);
  const size_t inputs = edgevae_model_inputs(&model);
  if (inputs > sizeof sample / sizeof *sample) return refuse(EDGEVAE_STATUS_WRONG_SHAPE);

  const intptr_t in = host_open("samples.bin", 11, HOST_READ_BINARY);
  const intptr_t out = host_open("scores.bin", 10, HOST_WRITE | 1);
  if (in < 0 || out < 0) {
    host_print("error: no samples.bin, or scores.bin cannot be written\n");
    return 1;
  }
  for (uint32_t row; host_read(in, &row, sizeof row) == 0;) {
    if (host_read(in, sample, inputs * sizeof *sample) != 0) {
      host_print("error: samples.bin ends in the middle of a row\n");
      return 1;
    }
    edgevae_verdict verdict;
    status = edgevae_score(&model, scratch, sizeof scratch / sizeof *scratch, sample, inputs, &verdict);
    if (status != EDGEVAE_STATUS_OK) return refuse(status);
    const struct { uint32_t row; float score; uint32_t is_anomaly; } result = { row, verdict.score, verdict.is_anomaly };
    if (host_write(out, &result, sizeof result) != 0) return 1;
  }
  return 0;
}
