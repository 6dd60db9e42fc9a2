// What holds the output: texels of four f32.
alias Stored = texture_storage_2d<rgba32float, write>;
