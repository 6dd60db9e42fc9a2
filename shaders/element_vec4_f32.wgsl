// A kernel of four f32 a lane: four channels, or four neighbours in a row-major tensor.
alias Element = vec4<f32>;
