//! Kernels broken on purpose, one at a time: the builtin suite must notice every one, or it judges nothing. Those below are
//! mistakes that were made, or might be; `scripts/mutate` makes thousands mechanically.

use gyrus::Device;
use gyrus::conformance::mutants::{Fate, Hunt, Mutant, mutants};
use gyrus::conformance::{Engine, Outcome, Suite, builtin, run};
use gyrus::ops::kernel::Kernel;
use gyrus::ops::{FUSIONS, OPS};
use gyrus::plan::{Precision, Textures};

/// A mistake of the kind that is made in earnest.
struct Break {
    mistake: &'static str,
    from: &'static str,
    to: &'static str,
    /// Whose cases have to notice.
    operator: &'static str,
}

const BREAKS: &[Break] = &[
    Break {
        mistake: "the bias of a convolution is dropped",
        from: "activate(FIRST, sum + c.bias, e.first)",
        to: "activate(FIRST, sum, e.first)",
        operator: "Conv",
    },
    Break {
        mistake: "textures that store f16 are read one texel off",
        from: "textureLoad(x, texel(i), 0)",
        to: "textureLoad(x, texel(i + 1u), 0)",
        operator: "MaxPool",
    },
    Break {
        mistake: "a part of the sums under a softmax is left out",
        from: "other = 1u; other < SLICES",
        to: "other = 2u; other < SLICES",
        operator: "dense_softmax",
    },
    Break {
        mistake: "columns that only fill up a group of four take part in a softmax",
        from: "for (var c = 0u; c < p.columns; c++)",
        to: "for (var c = 0u; c < p.quads * 4u; c++)",
        operator: "dense_softmax",
    },
    Break {
        mistake: "a window begins one pixel too far left",
        from: "- p.pad_left;",
        to: "- p.pad_left - 1;",
        operator: "Conv",
    },
    Break {
        mistake: "the strides of a convolution are swapped",
        from: "item % p.out_width * p.stride_x",
        to: "item % p.out_width * p.stride_y",
        operator: "Conv",
    },
    Break {
        mistake: "the rows of an enlargement are counted as its columns",
        from: "u32(row / ENLARGED_Y)",
        to: "u32(row / ENLARGED_X)",
        operator: "conv_enlarged",
    },
    Break {
        mistake: "an enlargement ends where what is stored does",
        from: "u32(column) < p.in_width * u32(ENLARGED_X)",
        to: "u32(column) < p.in_width",
        operator: "conv_enlarged",
    },
    Break {
        mistake: "columns beside the image are gathered",
        from: "t.inside & (u32(t.column + i32(number * p.dilation_x)) < p.in_width)",
        to: "t.inside",
        operator: "Conv",
    },
    Break {
        mistake: "a pool of few elements reaches a column too far",
        from: "clamp(column, 0, c.input.x - 1)",
        to: "clamp(column, 0, c.input.x)",
        operator: "MaxPool",
    },
    Break {
        mistake: "the corners of a pool lie in one column",
        from: "number % columns * 2u + k % 2u",
        to: "number % columns * 2u",
        operator: "conv_pooled",
    },
    Break {
        mistake: "a pool leaves out its lower row",
        from: "store(e, max(upper, lower), number, quad)",
        to: "store(e, upper, number, quad)",
        operator: "conv_pooled",
    },
    Break {
        mistake: "the shortcut of a residual block is read one pixel beside",
        from: "p.residual_offset + pixel * p.residual_stride + quad);\n}\n\nfn out_quads",
        to: "p.residual_offset + (pixel + 1u) * p.residual_stride + quad);\n}\n\nfn out_quads",
        operator: "conv_beside",
    },
    Break {
        mistake: "the weights of a shortcut are not counted where the next octet begins",
        from: "(taps() * in_quads + p.beside_quads) * 8u",
        to: "taps() * p.in_quads * 8u",
        operator: "conv_beside",
    },
    Break {
        mistake: "the signal of a gate is read at the pixel of the value that it gates",
        from: "p.signal_offset + within(pixel) * p.signal_stride",
        to: "p.signal_offset + within(pixel) * p.x_stride",
        operator: "attention_gate",
    },
    Break {
        mistake: "the sums of a gate are not rectified",
        from: "dot(max(sum + read_channels(quad), vec4<f32>(0.0)),",
        to: "dot(sum + read_channels(quad),",
        operator: "attention_gate",
    },
    Break {
        mistake: "a gate takes its neighbours' sums",
        from: "let first = lane / SHARE * SHARE;",
        to: "let first = 0u;",
        operator: "attention_gate",
    },
    Break {
        mistake: "a gate adds its mask",
        from: "mask_channels(load_x(pixel, quad) * mask, quad, p.channels)",
        to: "mask_channels(load_x(pixel, quad) + mask, quad, p.channels)",
        operator: "attention_gate",
    },
    Break {
        mistake: "a transposed convolution reads inputs between the strides",
        from: "all(at * strides == reach) & ",
        to: "",
        operator: "ConvTranspose",
    },
    Break {
        mistake: "`<=` for `<` where the input ends",
        from: "all(at < sizes)",
        to: "all(at <= sizes)",
        operator: "ConvTranspose",
    },
    Break {
        mistake: "a phase of a transposed convolution skips the taps of another",
        from: "i32(phase % STRIDE_X) + p.pad_left",
        to: "i32(phase % STRIDE_X) + p.pad_left + 1",
        operator: "ConvTranspose",
    },
    Break {
        mistake: "a row of texels is taken for one longer than it is",
        from: "i % TEXELS_A_ROW, i / TEXELS_A_ROW",
        to: "i % (TEXELS_A_ROW + 1u), i / (TEXELS_A_ROW + 1u)",
        operator: "Conv",
    },
    Break {
        mistake: "a tile is used before all of it is staged",
        from: "stage_filters(b, row, depth);\n            workgroupBarrier();",
        to: "stage_filters(b, row, depth);",
        operator: "Conv",
    },
    Break {
        mistake: "a point of a transformed tile has a wrong sign",
        from: "        even - odd,",
        to: "        even + odd,",
        operator: "Conv",
    },
    Break {
        mistake: "a tile of outputs begins one pixel too far left",
        from: "i32(tile % p.tiles_x * STEP) - p.pad_left",
        to: "i32(tile % p.tiles_x * STEP) - p.pad_left - 1",
        operator: "Conv",
    },
    Break {
        mistake: "taps that are laid side by side ignore the dilation",
        from: "feature % KERNEL_X * p.dilation_x",
        to: "feature % KERNEL_X",
        operator: "Conv",
    },
    Break {
        mistake: "masks are applied to the pixel after their own",
        from: "read_masks(p.mask_offset + pixel)",
        to: "read_masks(p.mask_offset + max(pixel, 1u) - 1u)",
        operator: "attention_gate",
    },
    Break {
        mistake: "a barrier is missing where lanes add their sums up",
        from: "sums[lane * 4u + 3u] = s3;\n        workgroupBarrier();",
        to: "sums[lane * 4u + 3u] = s3;",
        operator: "Gemm",
    },
    Break {
        mistake: "a barrier is missing between the rounds of a reduction",
        from: "width = width / 2u) {\n        workgroupBarrier();",
        to: "width = width / 2u) {",
        operator: "LayerNormalization",
    },
    Break {
        mistake: "an element past the last is written",
        from: "if i >= p.elements {",
        to: "if i > p.elements {",
        operator: "Where",
    },
    Break {
        mistake: "the grid is not folded back",
        from: "(group.y * groups.x + group.x) * WORKGROUP + lane",
        to: "group.x * WORKGROUP + lane",
        operator: "Relu",
    },
    Break {
        mistake: "padding is counted in a mean",
        from: "return sum / f32(count(z, row, column));",
        to: "return sum / f32(p.kernel_depth * p.kernel_height * p.kernel_width);",
        operator: "AveragePool",
    },
    Break {
        mistake: "of equal elements the last counts as the largest",
        from: "(v > largest)",
        to: "(v >= largest)",
        operator: "MaxPool",
    },
    Break { mistake: "`<` for `<=`", from: "truth(a <= b)", to: "truth(a < b)", operator: "LessOrEqual" },
    Break {
        mistake: "an operand walks along the other's strides",
        from: "ib += at * p.b_strides",
        to: "ib += at * p.a_strides",
        operator: "Where",
    },
    Break {
        mistake: "resizing reads one element beside",
        from: "* p.x_columns + u32(tap.x);",
        to: "* p.x_columns + u32(tap.x) + 1u;",
        operator: "Resize",
    },
    Break {
        mistake: "the largest element is not subtracted before exp()",
        from: "exp(element(first, k) - best.x)",
        to: "exp(element(first, k))",
        operator: "Softmax",
    },
    Break {
        mistake: "the last elements are not written",
        from: "if i >= p.rows * p.columns {",
        to: "if i + 1u >= p.rows * p.columns {",
        operator: "Relu",
    },
];

/// The first case that fails with the kernels broken.
fn noticed(broken: &Break) -> Option<String> {
    let device = Device::open("software").expect("needs a software adapter: run scripts/test");
    device.as_gpu().expect("a software adapter is a GPU to wgpu").break_kernels(broken.from, broken.to);
    let mut engine = Engine::new(&device);
    let Suite { name, trials } = builtin::suite(Some(broken.operator)).expect("a suite");
    // One at a time: the rest need not run once one has noticed.
    trials.into_iter().find_map(|trial| {
        let suite = Suite { name: name.clone(), trials: vec![trial] };
        let records = run(&suite, &mut engine, &mut |_, _| {});
        let failed = records.into_iter().find(|r| matches!(r.verdict.outcome, Outcome::Failed { .. }));
        failed.map(|record| record.case)
    })
}

#[test]
fn every_broken_kernel_is_noticed() {
    let mut unnoticed = Vec::new();
    for broken in BREAKS {
        let operators = OPS.iter().map(|o| (o.name, o.kernels));
        let mut all = operators.chain(FUSIONS.iter().map(|f| (f.name, f.kernels)));
        let (_, kernels) = all.find(|(name, _)| *name == broken.operator).expect("an operator");
        let f16 = Textures { read: Precision::F16, written: Precision::F16 };
        let says = |kernel: &Kernel, textures| kernel.text(textures).contains(broken.from);
        let is_there = kernels.iter().any(|kernel| says(kernel, Textures::default()) || says(kernel, f16));
        assert!(is_there, "{}: no kernel of {} says `{}`", broken.mistake, broken.operator, broken.from);
        match noticed(broken) {
            Some(case) => println!("'{case}' of {} notices: {}", broken.operator, broken.mistake),
            None => unnoticed.push(broken.mistake),
        }
    }
    assert!(unnoticed.is_empty(), "nobody noticed: {}", unnoticed.join("; "));
}

#[test]
fn mechanical_mistakes_have_the_fate_that_they_should() {
    let device = Device::open("software").expect("needs a software adapter: run scripts/test");
    let mut hunt = Hunt::new(device.as_gpu().expect("a software adapter is a GPU to wgpu")).expect("a suite");
    let shader = include_str!("../shaders/where_f32.wgsl");
    let all = mutants("where_f32.wgsl", shader);
    let mut fate = |is_wanted: &dyn Fn(&Mutant) -> bool| {
        let mutant = all.iter().find(|mutant| is_wanted(mutant)).expect("a mutant");
        hunt.fate(mutant, shader, &mut || {}).expect("a device")
    };
    let killed = fate(&|mutant| mutant.line(shader).contains("ib +="));
    assert!(matches!(&killed, Fate::Killed { by, .. } if by.starts_with("Where/")), "{killed:?}");
    let elsewhere = "let nowhere = a + b;";
    let unreached = hunt.fate(&mutants("elsewhere", elsewhere)[0], elsewhere, &mut || {});
    assert_eq!(unreached.expect("a device"), Fate::Unreached);
}
