//! The kernel for any target: arrays of four numbers, which the compiler keeps in vectors where the target has them.

type Quad = [f32; 4];

#[inline(always)]
fn each(a: Quad, b: Quad, operation: impl Fn(f32, f32) -> f32) -> Quad {
    [operation(a[0], b[0]), operation(a[1], b[1]), operation(a[2], b[2]), operation(a[3], b[3])]
}

strips! {
    vector: Quad, lanes: 4, vectors: 2, strip: 4,
    splat: |value: f32| [value; 4], multiply: |a, b| each(a, b, |a, b| a * b), add: |a, b| each(a, b, |a, b| a + b),
    subtract: |a, b| each(a, b, |a, b| a - b),
    relu: |y: Quad| y.map(|y| if y < 0.0 { 0.0 } else { y }),
}
