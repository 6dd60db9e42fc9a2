use std::fs;

use super::*;

const WHOLE: &str = r#"
name = "alzheimer"
version = 3
title = "Alzheimer's stages"
task = "classification"

[model]
file = "model.onnx"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
input = "image"
output = "logits"
features = "pooled"

[input]
channels = "grey"
height = 32
width = 16
fit = "pad"
intensity = "percentile"
percentile = 99.5

[output]
activation = "softmax"
labels = ["A", "B"]
temperature = 1.5

[gate]
max_colour = 0.05
min_aspect = 0.7

[gate.thumbnail]
limit = 3.0
residual_scale = 0.1
mean = [0.5, 0.5]
basis = [[1.0, 0.0]]

[use]
intended = "research"
limits = ["not a medical device"]
data = "somewhere"
licence = "research only"

[metrics]
accuracy = 0.5
test = { auc = 0.8 }
"#;

fn parse(text: &str) -> Result<Card> {
    Card::parse(Path::new("m/card.toml"), text)
}

#[test]
fn a_whole_card_is_read() -> Result<()> {
    let card = parse(WHOLE)?;
    assert_eq!(card.model_path(), Some(PathBuf::from("m/model.onnx")));
    assert_eq!(card.input.percentile, Some(99.5));
    assert_eq!(card.labels(), ["A", "B"]);
    assert_eq!(card.gate.max_colour, Some(0.05));
    assert_eq!(card.metrics.get("accuracy").and_then(toml::Value::as_float), Some(0.5));
    Ok(())
}

#[test]
fn a_card_that_only_prepares_needs_no_model() -> Result<()> {
    let start = WHOLE.split("[model]").next().expect("the first part");
    let input = WHOLE.split("\n[input]").nth(1).and_then(|t| t.split("[output]").next()).expect("the input");
    let card = parse(&format!("{start}[input]{input}"))?;
    assert_eq!((card.model.as_ref(), card.model_path(), card.labels().len()), (None, None, 0));
    assert!(card.check_model_file().is_ok());
    Ok(())
}

/// One change of the whole card, and what the error must say.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("name = \"alzheimer\"", "name = \"\"", "name: is empty"),
    ("version = 3", "version = -3", "line 3"),
    ("version = 3\n", "", "missing field `version`"),
    ("\"classification\"", "\"dancing\"", "unknown variant `dancing`"),
    ("title =", "tilte =", "unknown field `tilte`"),
    ("\"model.onnx\"", "\"../model.onnx\"", "model.file: must be the plain name"),
    ("\"model.onnx\"", "\"/etc/passwd\"", "model.file: must be the plain name"),
    ("\"model.onnx\"", "\"..\"", "model.file: must be the plain name"),
    ("\"model.onnx\"", "\"\"", "model.file: must be the plain name"),
    ("\"model.onnx\"", "'a\\b.onnx'", "model.file: must be the plain name"),
    ("ba7816bf", "xa7816bf", "model.sha256: must be 64 hexadecimal digits"),
    ("ba7816bf", "ba7816", "model.sha256: must be 64 hexadecimal digits"),
    ("input = \"image\"", "input = \"\"", "model.input: is empty"),
    ("output = \"logits\"", "output = \"\"", "model.output: is empty"),
    ("height = 32", "height = 0", "input.height: must be from 1 to 4096"),
    ("width = 16", "width = 100000", "input.width: must be from 1 to 4096"),
    ("percentile = 99.5", "percentile = 0", "input.percentile: must be above 0"),
    ("percentile = 99.5", "percentile = 100.1", "input.percentile: must be above 0"),
    ("percentile = 99.5", "percentile = nan", "input.percentile: must be above 0"),
    ("percentile = 99.5", "", "input.percentile: is missing"),
    ("\"percentile\"", "\"unit\"", "input.percentile: has no meaning"),
    ("[\"A\", \"B\"]", "[]", "output.labels: is empty"),
    ("[\"A\", \"B\"]", "[\"A\", \"\"]", "output.labels: holds an empty label"),
    ("[\"A\", \"B\"]", "[\"A\", \"A\"]", "output.labels: holds 'A' twice"),
    ("temperature = 1.5", "temperature = 0.0", "output.temperature: must be a positive number"),
    ("temperature = 1.5", "temperature = inf", "output.temperature: must be a positive number"),
    ("\"softmax\"", "\"none\"", "output.temperature: has no meaning"),
    ("max_colour = 0.05", "max_colour = -1", "gate.max_colour: must be a number of at least 0"),
    ("min_aspect = 0.7", "min_aspect = nan", "gate.min_aspect: must be a number of at least 0"),
    ("mean = [0.5, 0.5]", "mean = [0.5]", "row 0 of basis has 2 numbers, mean has 1"),
    ("basis = [[1.0, 0.0]]", "basis = [[0.0, 0.0]]", "row 0 of basis is no direction"),
    ("basis = [[1.0, 0.0]]", "basis = [[1, 0], [0, 1], [1, 1]]", "more rows than mean"),
    ("mean = [0.5, 0.5]", "mean = [0.5, nan]", "mean holds a number that is not finite"),
    ("limit = 3.0", "limit = 0", "limit must be a positive number"),
    ("residual_scale = 0.1", "residual_scale = 0", "residual_scale must be a positive number"),
    ("height = 32", "height = 48", "mean has 2 numbers, the input has 3 blocks"),
    (
        "features = \"pooled\"\n\n",
        "[gate.features]\nlimit = 1\nresidual_scale = 1\nmean = [1]\nbasis = []\n",
        "gate.features: needs model.features",
    ),
    ("height = 32", "height = 33", "multiples of 16"),
    ("[use]", "[use", "line 37: unclosed table"),
    ("[output]", "[outptu]", "unknown field `outptu`"),
];

#[test]
fn mistakes_are_named_in_one_line() {
    for (right, wrong, expected) in MISTAKES {
        assert!(WHOLE.contains(right), "{right}");
        let error = parse(&WHOLE.replacen(right, wrong, 1)).expect_err(wrong).to_string();
        assert!(error.contains(expected) && error.contains("m/card.toml"), "{wrong}: {error}");
        assert!(!error.contains('\n'), "{wrong}: {error}");
    }
}

#[test]
fn the_models_file_must_be_the_cards() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(CARD_FILE), WHOLE).expect("a card");
    let card = Card::load(folder.path()).expect("a card");
    let missing = card.check_model_file().expect_err("no model").to_string();
    assert!(missing.contains("model.onnx: the model's file cannot be read"), "{missing}");
    let model = folder.path().join("model.onnx");
    // The SHA-256 in the card is that of "abc", the first of the standard's examples.
    fs::write(&model, "abc").expect("a model");
    assert!(card.check_model_file().is_ok());
    fs::write(&model, "abd").expect("a model");
    let other = card.check_model_file().expect_err("another model").to_string();
    assert!(other.contains("its SHA-256 is a52d159f") && !other.contains('\n'), "{other}");
}

#[test]
fn a_folder_without_a_card_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Card::load(folder.path()).expect_err("no card").to_string();
    assert!(error.contains("card.toml: the card cannot be read"), "{error}");
    fs::write(folder.path().join(CARD_FILE), [0xff, 0xfe, 0x00]).expect("a card");
    let error = Card::load(folder.path()).expect_err("not text").to_string();
    assert!(error.contains("card.toml: the card cannot be read") && !error.contains('\n'), "{error}");
}

/// What a card for masks may say beyond.
const MASK: &str = r#"
name = "tumor"
version = 1
title = "Tumours"
task = "segmentation"

[input]
channels = "rgb"
height = 32
width = 16
fit = "pad"
intensity = "z-score"
sequences = ["pre-contrast", "FLAIR", "post-contrast"]
shown = 1

[output]
activation = "sigmoid"
labels = ["tumor"]
threshold = 0.5
smallest_component = 4
f16_tolerance = 0.25
"#;

#[test]
fn a_card_for_masks_is_read() -> Result<()> {
    let card = parse(MASK)?;
    assert_eq!(
        (card.task, card.task.name(), card.task.command()),
        (Task::Segmentation, "segmentation", "segment")
    );
    assert_eq!((card.input.intensity, card.input.shown), (Intensity::ZScore, Some(1)));
    assert_eq!(card.input.sequences.as_ref().map(Vec::len), Some(3));
    let output = card.output.expect("an output");
    assert_eq!((output.activation, output.threshold), (Activation::Sigmoid, Some(0.5)));
    assert_eq!((output.smallest_component, output.f16_tolerance), (Some(4), Some(0.25)));
    for (from, to) in [
        ("smallest_component = 4", ""),
        ("f16_tolerance = 0.25", ""),
        ("shown = 1", ""),
        ("\"sigmoid\"", "\"none\""),
    ] {
        assert!(parse(&MASK.replacen(from, to, 1)).is_ok(), "{from}");
    }
    Ok(())
}

/// One change of the card for masks, and what the error must say.
const MASK_MISTAKES: &[(&str, &str, &str)] = &[
    ("threshold = 0.5", "", "output.threshold: must be given"),
    ("threshold = 0.5", "threshold = 0.0", "output.threshold: must be given, between 0 and 1"),
    ("threshold = 0.5", "threshold = 1.0", "output.threshold: must be given, between 0 and 1"),
    ("threshold = 0.5", "threshold = nan", "output.threshold: must be given, between 0 and 1"),
    ("threshold = 0.5", "threshold = 0.5\ntemperature = 2.0", "output.temperature: has no meaning"),
    ("f16_tolerance = 0.25", "f16_tolerance = 0.0", "output.f16_tolerance: must be between 0 and 1"),
    ("f16_tolerance = 0.25", "f16_tolerance = nan", "output.f16_tolerance: must be between 0 and 1"),
    ("smallest_component = 4", "smallest_component = -4", "line 20"),
    ("smallest_component = 4", "smallest_component = 4.5", "line 20"),
    ("[\"tumor\"]", "[\"tumor\", \"oedema\"]", "output.labels: must be one: what the mask marks"),
    ("[\"tumor\"]", "[]", "output.labels: must be one"),
    ("[\"tumor\"]", "[\"\"]", "output.labels: holds an empty label"),
    ("\"sigmoid\"", "\"softmax\"", "output.activation: \"softmax\" is for classification"),
    ("\"segmentation\"", "\"classification\"", "output.activation: \"sigmoid\" is for segmentation"),
    ("\"rgb\"", "\"grey\"", "input.sequences: must name each of several channels"),
    (", \"post-contrast\"", "", "input.sequences: must name each of several channels"),
    ("shown = 1", "shown = 3", "input.shown: must be the number of one of the sequences"),
    ("shown = 1", "shown = -1", "line 14"),
    (
        "sequences = [\"pre-contrast\", \"FLAIR\", \"post-contrast\"]",
        "",
        "input.shown: must be the number of one of the sequences",
    ),
    ("\"z-score\"", "\"z-score\"\npercentile = 99.5", "input.percentile: has no meaning"),
    ("\"z-score\"", "\"zscore\"", "unknown variant `zscore`"),
];

#[test]
fn mistakes_about_masks_are_named_in_one_line() {
    for (right, wrong, expected) in MASK_MISTAKES {
        assert!(MASK.contains(right), "{right}");
        let error = parse(&MASK.replacen(right, wrong, 1)).expect_err(wrong).to_string();
        assert!(error.contains(expected) && error.contains("m/card.toml"), "{wrong}: {error}");
        assert!(!error.contains('\n'), "{wrong}: {error}");
    }
}

#[test]
fn what_is_for_masks_has_no_meaning_for_labels() {
    for (field, expected) in [
        ("threshold = 0.5", "output.threshold: is for segmentation"),
        ("smallest_component = 4", "output.smallest_component: is for segmentation"),
    ] {
        let text = WHOLE.replacen("temperature = 1.5", &format!("temperature = 1.5\n{field}"), 1);
        let error = parse(&text).expect_err(field).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
