#ifndef EDGEVAE_H
#define EDGEVAE_H

/* Written by `cargo test -p edgevae-capi` with EDGEVAE_WRITE_HEADER=1; do not edit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of an `edgevae_model`, for those who place it by hand.
#define EDGEVAE_MODEL_SIZE 256

// Alignment of an `edgevae_model`, for the same.
#define EDGEVAE_MODEL_ALIGN 8

// What a call came to. New codes may be added at the end: treat an unknown one as a fault.
typedef enum edgevae_status {
  // The result was written.
  EDGEVAE_STATUS_OK = 0,
  // A pointer is null.
  EDGEVAE_STATUS_NULL_POINTER = 1,
  // The bytes do not begin with `EVAE`: another file, or flash that was never written.
  EDGEVAE_STATUS_NOT_A_MODEL = 2,
  // The file was written by a newer edgevae: update the firmware.
  EDGEVAE_STATUS_NEWER_VERSION = 3,
  // Fewer bytes than the file says it has.
  EDGEVAE_STATUS_TRUNCATED = 4,
  // More bytes than the file says it has.
  EDGEVAE_STATUS_TRAILING_BYTES = 5,
  // The bytes were altered after the file was written.
  EDGEVAE_STATUS_CHECKSUM = 6,
  // The header cannot be decoded although the checksum holds.
  EDGEVAE_STATUS_MALFORMED = 7,
  // The bytes do not begin at a multiple of 4.
  EDGEVAE_STATUS_MISALIGNED = 8,
  // Layer shapes do not add up, or a number, a scale, a head or the threshold is out of range.
  EDGEVAE_STATUS_INVALID = 9,
  // The scratch memory is too small for the model.
  EDGEVAE_STATUS_WRONG_SHAPE = 10,
  // The sample has another number of values than the model has inputs.
  EDGEVAE_STATUS_WRONG_LENGTH = 11,
  // A value of the sample is NaN or infinite: check the sensors.
  EDGEVAE_STATUS_NON_FINITE = 12,
  // The sample is so far from the training data that its score overflows.
  EDGEVAE_STATUS_OVERFLOW = 13,
  // The model needs a head that this library was built without: build it with `all-heads`.
  EDGEVAE_STATUS_NOT_COMPILED = 14,
  // A fault that this version of the library has no code of its own for.
  EDGEVAE_STATUS_OTHER = 15,
  // An int8 model, which this library does not score: use the float model that it was made of.
  EDGEVAE_STATUS_QUANTIZED = 16,
  // A model with an encoder for raw rows (categories, missing values, windows), which this library does not have.
  EDGEVAE_STATUS_NEEDS_ENCODER = 17,
} edgevae_status;

// A checked view of a model file. Its contents are private; it may be moved, and needs no clean-up.
typedef struct edgevae_model {
  uint64_t storage[32];
} edgevae_model;

// A score and what it means at the model's threshold.
typedef struct edgevae_verdict {
  // Higher is more anomalous; finite.
  float score;
  // `score > threshold`
  bool is_anomaly;
} edgevae_verdict;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Checks a model file and makes `*model` a view of it. Nothing is copied: `bytes` must stay where and what they are for
// as long as the model is used. They must begin at a multiple of 4, better 16.
//
// # Safety
// `model` is null or points to an `edgevae_model`, initialised or not; `bytes` is null or points to `length` bytes.
enum edgevae_status edgevae_model_load(struct edgevae_model *model,
                                       const uint8_t *bytes,
                                       size_t length);

// Number of features of a sample.
//
// # Safety
// `model` was filled by a successful `edgevae_model_load`.
size_t edgevae_model_inputs(const struct edgevae_model *model);

// Number of floats that `edgevae_score` works in.
//
// # Safety
// `model` was filled by a successful `edgevae_model_load`.
size_t edgevae_model_scratch_length(const struct edgevae_model *model);

// A score above it is an anomaly.
//
// # Safety
// `model` was filled by a successful `edgevae_model_load`.
float edgevae_model_threshold(const struct edgevae_model *model);

// Scores one sample of `sample_length` values in raw sensor units, in the order of the model's features.
//
// Afterwards `scratch` holds what `edgevae_explain` wants to see. `*verdict` is written only with EDGEVAE_STATUS_OK. Any other status is a fault and never "normal".
//
// # Safety
// `model` was filled by a successful `edgevae_model_load`; each other pointer is null or points to as many floats as its
// length says (`verdict`: to an `edgevae_verdict`), and they do not overlap.
enum edgevae_status edgevae_score(const struct edgevae_model *model,
                                  float *scratch,
                                  size_t scratch_length,
                                  const float *sample,
                                  size_t sample_length,
                                  struct edgevae_verdict *verdict);

// Writes what each feature of the sample that was scored last contributes to its score, `edgevae_model_inputs` numbers:
// which sensor is it? `scratch` is what `edgevae_score` worked in, untouched since.
//
// # Safety
// `model` was filled by a successful `edgevae_model_load`; each other pointer is null or points to as many floats as its
// length says, and they do not overlap.
enum edgevae_status edgevae_explain(const struct edgevae_model *model,
                                    float *scratch,
                                    size_t scratch_length,
                                    float *contributions,
                                    size_t contributions_length);

// A status in words, for a log; any number is answered.
const char *edgevae_status_text(int32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EDGEVAE_H */
