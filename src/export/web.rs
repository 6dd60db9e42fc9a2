//! A model as a static site: it classifies or segments in the browser of whoever opens it, and sends nothing anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::known::Known;
use super::{Folder, Numbers, PLAYER, weights};
use crate::error::{Error, Result};
use crate::graph::input_shapes;
use crate::graph::network::Dim;
use crate::model::{Card, Model, Task};
use crate::plan::lowering::Choice;
use crate::plan::{DeviceClass, Target};
use crate::samples::SAMPLES;
use crate::session::compile;
use crate::tensor::Shape;

/// The page, by where it lies in the site.
const PAGE: &[(&str, &str)] = &[
    ("index.html", include_str!("../../web/demo/index.html")),
    ("answer.css", include_str!("../../web/answer.css")),
    ("answer.js", include_str!("../../web/answer.js")),
    ("asking.css", include_str!("../../web/asking.css")),
    ("bars.js", include_str!("../../web/bars.js")),
    ("demo/answering.js", include_str!("../../web/demo/answering.js")),
    ("demo/choosing.js", include_str!("../../web/demo/choosing.js")),
    ("demo/components.js", include_str!("../../web/demo/components.js")),
    ("demo/decode.js", include_str!("../../web/demo/decode.js")),
    ("demo/demo.css", include_str!("../../web/demo/demo.css")),
    ("demo/demo.js", include_str!("../../web/demo/demo.js")),
    ("demo/engine.js", include_str!("../../web/demo/engine.js")),
    ("demo/gate.js", include_str!("../../web/demo/gate.js")),
    ("demo/interpret.js", include_str!("../../web/demo/interpret.js")),
    ("demo/jpeg-bits.js", include_str!("../../web/demo/jpeg-bits.js")),
    ("demo/jpeg-pixels.js", include_str!("../../web/demo/jpeg-pixels.js")),
    ("demo/jpeg.js", include_str!("../../web/demo/jpeg.js")),
    ("demo/known.js", include_str!("../../web/demo/known.js")),
    ("demo/levels.js", include_str!("../../web/demo/levels.js")),
    ("demo/orientation.js", include_str!("../../web/demo/orientation.js")),
    ("demo/percentile.js", include_str!("../../web/demo/percentile.js")),
    ("demo/png.js", include_str!("../../web/demo/png.js")),
    ("demo/prepare.js", include_str!("../../web/demo/prepare.js")),
    ("demo/resize.js", include_str!("../../web/demo/resize.js")),
    ("demo/scan.js", include_str!("../../web/demo/scan.js")),
    ("demo/shrink.js", include_str!("../../web/demo/shrink.js")),
    ("demo/site.js", include_str!("../../web/demo/site.js")),
    ("downloads.js", include_str!("../../web/downloads.js")),
    ("drawing.js", include_str!("../../web/drawing.js")),
    ("facts.js", include_str!("../../web/facts.js")),
    ("figures.js", include_str!("../../web/figures.js")),
    ("history.js", include_str!("../../web/history.js")),
    ("logo.svg", include_str!("../../web/logo.svg")),
    ("markup.js", include_str!("../../web/markup.js")),
    ("models.js", include_str!("../../web/models.js")),
    ("report.js", include_str!("../../web/report.js")),
    ("style.css", include_str!("../../web/style.css")),
    ("theme.js", include_str!("../../web/theme.js")),
    ("viewer.js", include_str!("../../web/viewer.js")),
];

/// What must go wherever the samples go. Hosts know the type of a text by its ending.
const NOTICE: (&str, &str) = ("samples/NOTICE.txt", include_str!("../../samples/NOTICE"));

/// Writes a model with its card as a site of static files, for any host and any path. Pages that were opened from a disk may
/// not read what lies beside them, so it wants a host, be it on the same machine.
///
/// # Errors
/// A model without a card, or with one that has no answer; a network that takes several scans at a time and no fewer; a
/// folder that is not empty or cannot be written to.
pub fn write_site(model: &Model, root: &Path) -> Result<()> {
    let card = model.card.as_ref().filter(|card| card.output.is_some()).ok_or_else(|| {
        Error::file(
            Path::new(&model.name),
            "has no card that says what it answers",
            "name a folder with a card.toml",
        )
    })?;
    let card_value = as_json(card)?;
    let network = model.network();
    let (input, shape) = one_scan(model, card)?;
    let shapes = input_shapes(network, &BTreeMap::from([(input.clone(), shape.clone())]), 1)?;
    // Phones and laptops are what opens a site; plans for them run everywhere.
    let target = Target { class: DeviceClass::Integrated, ..Target::portable() };
    let plan = compile(network, &shapes, &target, &Choice::default())?;
    let known = Known::compute(model, &input, &shape)?;
    let mut folder = Folder::create(root)?;
    let mut numbers = Numbers::default();
    let spans = weights(&plan, &mut numbers);
    let described = json!({
        "gyrus": env!("CARGO_PKG_VERSION"),
        "name": model.name,
        "device_class": target.class,
        "plan": folder.plan(&plan)?,
        "weights": spans,
        "weights_file": folder.numbers("weights", &numbers)?,
        "known": known.write(&folder)?,
        "outputs": network.outputs.iter().map(|output| &output.name).collect::<Vec<_>>(),
        "card": card_value,
        "samples": write_samples(&folder, card.task)?,
    });
    folder.write("model.json", described.to_string())?;
    folder.write_all(PAGE)?;
    folder.write_all(PLAYER)
}

/// The network's input with its shape for one scan, as the card prepares it.
fn one_scan(model: &Model, card: &Card) -> Result<(String, Shape)> {
    let [input] = model.network().inputs.as_slice() else {
        return Err(Error::Graph("a site needs a network with one input".into()));
    };
    let first = input.dims.as_deref().and_then(|dims| dims.first());
    if let Some(Dim::Fixed(size)) = first
        && *size > 1
    {
        let reason = format!("the network takes {size} scans at a time, and a site asks about one");
        return Err(Error::file(&card.path, reason, "export the network with an open batch size"));
    }
    Ok((input.name.clone(), Shape::new(card.input.shape(1))?))
}

/// Writes the samples of a task with their notice, and lists them.
fn write_samples(folder: &Folder, task: Task) -> Result<Vec<Value>> {
    let mut listed = Vec::new();
    for sample in SAMPLES.iter().filter(|sample| sample.task == task) {
        folder.write(&format!("samples/{}", sample.file), sample.bytes)?;
        listed.push(json!({ "file": sample.file, "title": sample.title }));
    }
    if !listed.is_empty() {
        folder.write_all(&[NOTICE])?;
    }
    Ok(listed)
}

/// The card's own text as JSON, without what was measured: that is for readers of the card.
fn as_json(card: &Card) -> Result<Value> {
    let unreadable =
        |e: String| Error::file(&card.path, format!("cannot be read again ({e})"), "restore the card");
    let text = fs::read_to_string(&card.path).map_err(|e| unreadable(e.to_string()))?;
    let mut value: Value = toml::from_str(&text).map_err(|e| unreadable(e.message().to_string()))?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("metrics");
    }
    Ok(value)
}
