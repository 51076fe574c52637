/* The model file, aligned, in flash. */
  .section .rodata.model, "a"
  .balign 16
  .global model_begin
  .global model_end
model_begin:
  .incbin MODEL
model_end:
