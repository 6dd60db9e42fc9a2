//! Which class an answer should have been: by the folder of its file, or by a table.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::figures::Case;
use super::masks::names;
use super::results::{Answer, read_text};
use crate::Failure;
use crate::error::{Error, Result};
use crate::imaging::{Excluded, find_images};

/// What a table of truth must and may name.
const COLUMNS: &str = "path,class and, where persons are known, subject";

/// The true class of files.
#[derive(Debug)]
pub struct Truth {
    files: Vec<TrueFile>,
    /// Every end of every file's path, of one name up to all of them, and the file; none where several share it.
    ends: HashMap<String, Option<usize>>,
    has_subjects: bool,
}

#[derive(Debug)]
struct TrueFile {
    class: String,
    subject: Option<String>,
}

impl Truth {
    /// Reads a folder whose folders are called as the classes, or a CSV file.
    ///
    /// # Errors
    /// When it holds no truth, or the table is malformed.
    pub fn read(path: &Path, failures: &mut Vec<Failure>) -> Result<Truth> {
        if path.is_dir() { Truth::of_folder(path, failures) } else { Truth::of_table(path) }
    }

    fn of_folder(folder: &Path, failures: &mut Vec<Failure>) -> Result<Truth> {
        let found = find_images(&[folder.to_path_buf()], &Excluded::default());
        let mut truth = Truth { files: Vec::new(), ends: HashMap::new(), has_subjects: false };
        for file in &found.files {
            let names = names(file.strip_prefix(folder).unwrap_or(file));
            if let [.., class, _] = names.as_slice() {
                truth.push(&names, TrueFile { class: class.clone(), subject: None });
            }
        }
        if truth.files.is_empty() {
            let remedy = "give a folder of folders that are called as the classes, or a CSV file";
            return Err(Error::file(folder, "no folder in it holds an image", remedy));
        }
        failures.extend(found.errors.iter().map(|error| Failure::new(folder, error)));
        Ok(truth)
    }

    fn of_table(path: &Path) -> Result<Truth> {
        let text = read_text(path)?;
        let wrong =
            |reason: String| Error::file(path, reason, format!("give a CSV file with the columns {COLUMNS}"));
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let headings = reader.headers().map_err(|e| wrong(csv_reason(&e)))?.clone();
        let column = |name: &str| headings.iter().position(|heading| heading.eq_ignore_ascii_case(name));
        let (Some(file), Some(class)) = (column("path"), column("class")) else {
            return Err(wrong("has no columns path and class".into()));
        };
        let subject = column("subject");
        let mut truth = Truth { files: Vec::new(), ends: HashMap::new(), has_subjects: subject.is_some() };
        for record in reader.records() {
            let record = record.map_err(|e| wrong(csv_reason(&e)))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |column: usize, name: &str| match record.get(column) {
                Some(text) if !text.is_empty() => Ok(text.to_string()),
                _ => Err(wrong(format!("line {line} has no {name}"))),
            };
            let subject = subject.map(|column| cell(column, "subject")).transpose()?;
            let names = names(Path::new(&cell(file, "path")?));
            truth.push(&names, TrueFile { class: cell(class, "class")?, subject });
        }
        if truth.files.is_empty() { Err(wrong("has no rows".into())) } else { Ok(truth) }
    }

    fn push(&mut self, names: &[String], file: TrueFile) {
        let number = self.files.len();
        self.files.push(file);
        for start in 0..names.len() {
            let end = names[start..].join("/");
            self.ends.entry(end).and_modify(|one| *one = None).or_insert(Some(number));
        }
    }

    /// The file by the longest end that a path shares with it.
    fn find(&self, file: &str) -> Result<usize, &'static str> {
        let names = names(Path::new(file));
        let found = (0..names.len()).find_map(|start| self.ends.get(&names[start..].join("/")));
        match found {
            Some(Some(number)) => Ok(*number),
            Some(None) => Err("stands for several files of the truth"),
            None => Err("is not among the truth"),
        }
    }
}

fn csv_reason(error: &csv::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Answers with their truth.
#[derive(Debug)]
pub struct Labelled {
    /// The labels of the results, in their order.
    pub labels: Vec<String>,
    /// One for every answer; its unit is the number of its person, or its own.
    pub slices: Vec<Case>,
    /// One for every person, where the truth knows them.
    pub persons: Option<Vec<Case>>,
    /// Answers that cannot be scored.
    pub failures: Vec<Failure>,
    /// Files of the truth that no answer is for.
    pub files_without_result: usize,
}

/// Finds the true class of every answer.
pub fn label(truth: &Truth, answers: Vec<Answer>) -> Labelled {
    let labels: Vec<String> = answers
        .first()
        .map(|a| a.probabilities.iter().map(|(label, _)| label.clone()).collect())
        .unwrap_or_default();
    let mut all =
        Labelled { labels, slices: Vec::new(), persons: None, failures: Vec::new(), files_without_result: 0 };
    let mut unknown: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    let mut answered = HashSet::new();
    let mut numbers = HashMap::new();
    let mut subjects: Vec<&str> = Vec::new();
    for answer in &answers {
        let number = match truth.find(&answer.file) {
            Ok(number) if answered.insert(number) => number,
            Ok(_) => {
                all.fail(&answer.file, "has the truth of another answer", "give every file's answer once");
                continue;
            }
            Err(reason) => {
                all.fail(&answer.file, reason, "its path must end as a path of the truth does");
                continue;
            }
        };
        let TrueFile { class, subject } = &truth.files[number];
        let Some(class_number) = all.labels.iter().position(|label| label == class) else {
            unknown.entry(class).or_insert_with(|| (0, answer.file.clone())).0 += 1;
            continue;
        };
        let mut case = match case(&all.labels, answer, class_number) {
            Ok(case) => case,
            Err(reason) => {
                all.fail(&answer.file, &reason, "classify it again");
                continue;
            }
        };
        case.unit = subject.as_deref().map_or(all.slices.len(), |subject| {
            *numbers.entry(subject).or_insert_with(|| {
                subjects.push(subject);
                subjects.len() - 1
            })
        });
        all.slices.push(case);
    }
    for (class, (files, example)) in unknown {
        let labels = all.labels.join(", ");
        let reason =
            format!("{files} file(s) are of the class '{class}', which is none of the labels {labels}");
        all.fail(&example, &reason, "name the classes of the truth as the model does");
    }
    all.files_without_result = truth.files.len() - answered.len();
    if truth.has_subjects {
        all.gather_persons(&subjects);
    }
    all
}

/// An answer as numbers; its unit is still to be told.
fn case(labels: &[String], answer: &Answer, truth: usize) -> Result<Case, String> {
    if !answer.probabilities.iter().map(|(label, _)| label).eq(labels) {
        return Err("has other labels than the first answer".into());
    }
    if let Some((label, p)) = answer.probabilities.iter().find(|(_, p)| !(0.0..=1.0).contains(p)) {
        return Err(format!("its probability of {label} is {p}, not a number from 0 to 1"));
    }
    let position = |prediction: &String| {
        let position = labels.iter().position(|label| label == prediction);
        position.ok_or_else(|| format!("its prediction '{prediction}' is none of its labels"))
    };
    let prediction = answer.prediction.as_ref().map(position).transpose()?;
    let probabilities = answer.probabilities.iter().map(|(_, p)| *p).collect();
    Ok(Case { truth, prediction, probabilities, unit: 0 })
}

impl Labelled {
    fn fail(&mut self, file: &str, reason: &str, remedy: &str) {
        let path = Path::new(file);
        self.failures.push(Failure::new(path, &Error::file(path, reason, remedy)));
    }

    /// A person's probabilities are the means over the slices that have a prediction.
    fn gather_persons(&mut self, subjects: &[&str]) {
        let mut persons = Vec::new();
        for (unit, subject) in subjects.iter().enumerate() {
            let slices: Vec<&Case> = self.slices.iter().filter(|case| case.unit == unit).collect();
            let Some(first) = slices.first() else { continue };
            if slices.iter().any(|case| case.truth != first.truth) {
                self.fail(subject, "is a person of several classes", "give each class its own subject");
            } else {
                let person = mean_case(&slices, first.truth, persons.len());
                persons.push(person);
            }
        }
        self.persons = Some(persons);
    }
}

fn mean_case(slices: &[&Case], truth: usize, unit: usize) -> Case {
    let predicted: Vec<&&Case> = slices.iter().filter(|case| case.prediction.is_some()).collect();
    let mut probabilities = vec![0.0; slices[0].probabilities.len()];
    for case in &predicted {
        probabilities.iter_mut().zip(&case.probabilities).for_each(|(sum, p)| *sum += p);
    }
    probabilities.iter_mut().for_each(|p| *p /= predicted.len().max(1) as f64);
    let most_probable = || {
        // The first of equals, as numpy's argmax.
        let best =
            (0..probabilities.len()).rev().max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
        best.unwrap_or_default()
    };
    let prediction = (!predicted.is_empty()).then(most_probable);
    Case { truth, prediction, probabilities, unit }
}
