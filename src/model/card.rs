//! `card.toml`: all that an ONNX file does not say about a model.

mod volumes;

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
pub use volumes::{Rule, Volumes};

/// The name of a card within a model's folder.
pub const CARD_FILE: &str = "card.toml";
/// The longest side of a network's input; far above any that a slice needs.
const MAX_INPUT_SIDE: usize = 4096;
/// The largest card that is read, in bytes.
const MAX_CARD_BYTES: u64 = 64 << 20;
/// The side of the blocks whose means are a prepared input's thumbnail.
pub(super) const THUMBNAIL_BLOCK: usize = 16;

/// A model card, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The model's short name, as in `--model NAME`.
    pub name: String,
    pub version: u32,
    pub title: String,
    pub task: Task,
    /// The network; a card that only prepares inputs has none.
    pub model: Option<ModelFile>,
    pub input: Input,
    pub output: Option<Output>,
    #[serde(default)]
    pub volume: Volumes,
    #[serde(default)]
    pub gate: Gate,
    #[serde(rename = "use")]
    pub usage: Option<Use>,
    /// What was measured, as the training recipe wrote it.
    #[serde(default)]
    pub metrics: toml::Table,
    /// Where the card was read from.
    #[serde(skip)]
    pub path: PathBuf,
}

/// What a model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One label of several for a slice.
    Classification,
    /// A mask: for each pixel whether it belongs to what is looked for.
    Segmentation,
}

impl Task {
    /// As on a card.
    pub fn name(self) -> &'static str {
        match self {
            Task::Classification => "classification",
            Task::Segmentation => "segmentation",
        }
    }

    /// The command that does it.
    pub fn command(self) -> &'static str {
        match self {
            Task::Classification => "classify",
            Task::Segmentation => "segment",
        }
    }
}

/// The network's file and the names of its tensors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// A file in the card's folder.
    pub file: String,
    /// SHA-256 of that file, 64 hexadecimal digits.
    pub sha256: String,
    pub input: String,
    pub output: String,
    /// The output that holds pooled features, where the network gives them.
    pub features: Option<String>,
}

/// The form of the network's input, `[N, C, H, W]` in f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub channels: ChannelsWanted,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    pub fit: Fit,
    pub intensity: Intensity,
    /// For [`Intensity::Percentile`]: which one, in (0, 100].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// What each channel is, where the channels are MRI sequences and not colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequences: Option<Vec<String>>,
    /// The channel that a person is shown, counted from 0, where the channels are sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<usize>,
}

/// The channels that a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelsWanted {
    /// One channel; colour becomes Rec. 601 luma.
    Grey,
    /// Red, green, blue; grey is repeated.
    Rgb,
}

/// How a scan of another size becomes the network's size. Scaling is by a triangle filter as wide as
/// the reduction (bilinear with antialiasing); a scan of the right size is not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Scaled to fit, proportions kept, centred, the rest zero.
    Pad,
    /// Scaled to the size, proportions ignored.
    Stretch,
}

/// How stored values become the network's values, before the scan is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intensity {
    /// Divided by a percentile of the values above zero, then held to [0, 1].
    Percentile,
    /// Divided by the largest value of the type, 255 or 65535.
    Unit,
    /// In standard deviations above the mean of each channel over the head, both taken over all slices of
    /// the stack, then held to [-5, 5].
    #[serde(rename = "z-score")]
    ZScore,
}

/// The meaning of the network's output: `[N, labels]` for a classification, `[N, 1, H, W]` at the input's
/// size for a segmentation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub activation: Activation,
    /// In the order of the network's output; for a segmentation one, what the mask marks.
    pub labels: Vec<String>,
    /// Logits are divided by this before the softmax.
    #[serde(default = "one")]
    pub temperature: f64,
    /// For a segmentation: pixels whose probability is above this belong to the mask.
    pub threshold: Option<f64>,
    /// For a segmentation: connected parts of a stack's mask with fewer pixels than this are dropped; in
    /// pixels of the network's input.
    pub smallest_component: Option<u64>,
    /// How far a probability may be from that of f32 where f16 is stored, as was measured on people the model never saw;
    /// where it is missing the model is not run so.
    pub f16_tolerance: Option<f64>,
}

fn one() -> f64 {
    1.0
}

/// What is still to be applied to the network's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The output is logits of classes.
    Softmax,
    /// The output is the logit of each pixel.
    Sigmoid,
    /// The output is probabilities.
    None,
}

/// Limits of what the model was made for; a scan outside gets a warning and no prediction.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    pub max_colour: Option<f64>,
    pub min_foreground: Option<f64>,
    pub max_foreground: Option<f64>,
    /// Width / height.
    pub min_aspect: Option<f64>,
    pub max_aspect: Option<f64>,
    /// Distance of the network's pooled features from those of its training scans.
    pub features: Option<Subspace>,
    /// Distance of the prepared input's block means from those of the training scans.
    pub thumbnail: Option<Subspace>,
}

/// A normal distribution within a subspace, and a small equal spread across it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subspace {
    /// Distances above this are flagged.
    pub limit: f64,
    /// Standard deviation outside the subspace.
    pub residual_scale: f64,
    /// `d` numbers.
    pub mean: Vec<f64>,
    /// `k` rows of `d` numbers: eigenvectors divided by their standard deviations.
    pub basis: Vec<Vec<f64>>,
}

/// What the model is for, and what it is not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    pub intended: String,
    pub limits: Vec<String>,
    pub data: String,
    pub licence: String,
    pub citation: Option<String>,
}

impl Card {
    /// Reads and checks the card of a model's folder, or a card by its own path. The model's file is not
    /// looked at: [`Card::check_model_file`] does.
    ///
    /// # Errors
    /// One line naming the file and the field.
    pub fn load(path: &Path) -> Result<Card> {
        let path = if path.is_dir() { path.join(CARD_FILE) } else { path.to_path_buf() };
        let text = read_text(&path)?;
        Card::parse(&path, &text)
    }

    /// Parses and checks the text of a card; `path` says where its model's file is, and names it in
    /// errors.
    ///
    /// # Errors
    /// One line naming the file and the field.
    pub fn parse(path: &Path, text: &str) -> Result<Card> {
        let mut card: Card = toml::from_str(text).map_err(|e| syntax(path, text, &e))?;
        card.path = path.to_path_buf();
        card.check().map_err(|(field, problem)| {
            Error::file(path, format!("{field}: {problem}"), "correct the card")
        })?;
        Ok(card)
    }

    /// The path of the model's file, where the card has a model.
    pub fn model_path(&self) -> Option<PathBuf> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        self.model.as_ref().map(|m| folder.join(&m.file))
    }

    fn check(&self) -> Result<(), Problem> {
        require(!self.name.is_empty(), "name", "is empty")?;
        if let Some(model) = &self.model {
            model.check()?;
        }
        self.input.check()?;
        if let Some(output) = &self.output {
            output.check(self.task)?;
        }
        self.volume.check()?;
        require(self.model.is_none() || self.output.is_some(), "output", "is missing for the model")?;
        let given = self.model.as_ref().is_some_and(|m| m.features.is_some());
        require(self.gate.features.is_none() || given, "gate.features", "needs model.features")?;
        self.gate.check(&self.input)
    }
}

/// The field and what is wrong with it.
type Problem = (&'static str, String);

fn require(holds: bool, field: &'static str, problem: &str) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err((field, problem.to_string())) }
}

impl ModelFile {
    fn check(&self) -> Result<(), Problem> {
        let mut parts = Path::new(&self.file).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        // A backslash is a separator on Windows alone; a card must mean the same everywhere.
        let plain = plain && !self.file.contains(['/', '\\']);
        require(plain, "model.file", "must be the plain name of a file in the card's folder")?;
        let hex = self.sha256.len() == 64 && self.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        require(hex, "model.sha256", "must be 64 hexadecimal digits")?;
        require(!self.input.is_empty(), "model.input", "is empty")?;
        require(!self.output.is_empty(), "model.output", "is empty")
    }
}

impl Input {
    /// Channels of the prepared tensor.
    pub fn channel_count(&self) -> usize {
        match self.channels {
            ChannelsWanted::Grey => 1,
            ChannelsWanted::Rgb => 3,
        }
    }

    /// The shape of the network's input for this many scans: `[batch, C, H, W]`.
    pub fn shape(&self, batch: usize) -> [usize; 4] {
        [batch, self.channel_count(), self.height, self.width]
    }

    fn check_sequences(&self) -> Result<(), Problem> {
        let count = self.channel_count();
        let named = self.sequences.as_ref().is_none_or(|names| names.len() == count && count > 1);
        require(named, "input.sequences", "must name each of several channels")?;
        let shown = self.shown.is_none_or(|c| c < count && self.sequences.is_some());
        require(shown, "input.shown", "must be the number of one of the sequences, counted from 0")
    }

    fn check(&self) -> Result<(), Problem> {
        let fits = |n: usize| (1..=MAX_INPUT_SIDE).contains(&n);
        require(fits(self.height), "input.height", &format!("must be from 1 to {MAX_INPUT_SIDE}"))?;
        require(fits(self.width), "input.width", &format!("must be from 1 to {MAX_INPUT_SIDE}"))?;
        self.check_sequences()?;
        match (self.intensity, self.percentile) {
            (Intensity::Percentile, Some(p)) => {
                require(p > 0.0 && p <= 100.0, "input.percentile", "must be above 0 and at most 100")
            }
            (Intensity::Percentile, None) => Err(("input.percentile", "is missing".into())),
            (Intensity::Unit | Intensity::ZScore, given) => {
                let problem = "has no meaning without intensity \"percentile\"";
                require(given.is_none(), "input.percentile", problem)
            }
        }
    }
}

impl Output {
    fn check(&self, task: Task) -> Result<(), Problem> {
        match task {
            Task::Classification => self.check_classes()?,
            Task::Segmentation => self.check_mask()?,
        }
        require(!self.labels.is_empty(), "output.labels", "is empty")?;
        require(self.labels.iter().all(|l| !l.is_empty()), "output.labels", "holds an empty label")?;
        let mut seen = HashSet::new();
        for label in &self.labels {
            require(seen.insert(label), "output.labels", &format!("holds '{label}' twice"))?;
        }
        let bounds_f16 = self.f16_tolerance.is_none_or(|t| t > 0.0 && t < 1.0);
        require(bounds_f16, "output.f16_tolerance", "must be between 0 and 1")?;
        let t = self.temperature;
        require(t.is_finite() && t > 0.0, "output.temperature", "must be a positive number")?;
        let calibrates = self.activation == Activation::Softmax || t == 1.0;
        require(calibrates, "output.temperature", "has no meaning without activation \"softmax\"")
    }

    fn check_classes(&self) -> Result<(), Problem> {
        let known = self.activation != Activation::Sigmoid;
        require(known, "output.activation", "\"sigmoid\" is for segmentation")?;
        require(self.threshold.is_none(), "output.threshold", "is for segmentation")?;
        require(self.smallest_component.is_none(), "output.smallest_component", "is for segmentation")
    }

    fn check_mask(&self) -> Result<(), Problem> {
        let known = self.activation != Activation::Softmax;
        require(known, "output.activation", "\"softmax\" is for classification")?;
        require(self.labels.len() == 1, "output.labels", "must be one: what the mask marks")?;
        let usable = self.threshold.is_some_and(|t| t > 0.0 && t < 1.0);
        require(usable, "output.threshold", "must be given, between 0 and 1")
    }
}

impl Gate {
    fn check(&self, input: &Input) -> Result<(), Problem> {
        let limits = [
            ("gate.max_colour", self.max_colour),
            ("gate.min_foreground", self.min_foreground),
            ("gate.max_foreground", self.max_foreground),
            ("gate.min_aspect", self.min_aspect),
            ("gate.max_aspect", self.max_aspect),
        ];
        for (field, limit) in limits {
            let usable = limit.is_none_or(|v| v.is_finite() && v >= 0.0);
            require(usable, field, "must be a number of at least 0")?;
        }
        if let Some(features) = &self.features {
            features.check("gate.features")?;
        }
        if let Some(thumbnail) = &self.thumbnail {
            thumbnail.check("gate.thumbnail")?;
            thumbnail.check_thumbnail(input)?;
        }
        Ok(())
    }
}

impl Subspace {
    fn check(&self, field: &'static str) -> Result<(), Problem> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let d = self.mean.len();
        require(positive(self.limit), field, "limit must be a positive number")?;
        require(positive(self.residual_scale), field, "residual_scale must be a positive number")?;
        require(d > 0, field, "mean is empty")?;
        require(self.mean.iter().all(|v| v.is_finite()), field, "mean holds a number that is not finite")?;
        for (i, row) in self.basis.iter().enumerate() {
            let problem = format!("row {i} of basis has {} numbers, mean has {d}", row.len());
            require(row.len() == d, field, &problem)?;
            let length = row.iter().map(|v| v * v).sum::<f64>();
            require(positive(length), field, &format!("row {i} of basis is no direction"))?;
        }
        require(self.basis.len() <= d, field, "basis has more rows than mean has numbers")
    }

    fn check_thumbnail(&self, input: &Input) -> Result<(), Problem> {
        let field = "gate.thumbnail";
        let block = THUMBNAIL_BLOCK;
        let whole = input.height.is_multiple_of(block) && input.width.is_multiple_of(block);
        require(whole, field, &format!("needs an input whose sides are multiples of {block}"))?;
        let blocks = input.channel_count() * (input.height / block) * (input.width / block);
        let problem = format!("mean has {} numbers, the input has {blocks} blocks", self.mean.len());
        require(self.mean.len() == blocks, field, &problem)
    }
}

fn read_text(path: &Path) -> Result<String> {
    let unreadable = |e: std::io::Error| {
        Error::file(path, format!("the card cannot be read ({e})"), "a model is a folder with a card.toml")
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_CARD_BYTES {
        let reason = format!("the card is larger than {} MiB", MAX_CARD_BYTES >> 20);
        return Err(Error::file(path, reason, "give a card.toml"));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map(|t| format!(" in line {}", t.matches('\n').count() + 1)).unwrap_or_default();
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    Error::file(path, format!("the card is wrong{place}: {message}"), "correct the card")
}

#[cfg(test)]
mod tests;
