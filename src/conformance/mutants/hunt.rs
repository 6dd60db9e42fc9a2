//! Runs the builtin cases with one mistake in a shader, until one of them notices.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Mutant;
use super::code::{Change, Code};
use crate::conformance::builtin::{self, Judged, OfKernels};
use crate::conformance::judge::compare;
use crate::conformance::plans::{kernels, plans};
use crate::conformance::variants::Variant;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, WeightStore};
use crate::plan::{Plan, Precision, Target};

/// Runs of more workgroups are there for what counts workgroups. They take minutes, so mistakes in other lines are not tried on them:
/// what they alone would notice counts as a survivor.
const MANY_WORKGROUPS: u64 = 20_000;

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A case failed: its name, and how.
    Killed { by: String, said: String },
    /// So many runs passed, which are all whose code the mistake changes, but for those of very many workgroups, and those that
    /// store f16 where others store f32.
    Survived { runs: usize },
    /// Whatever the cases ask for, drivers are given the same code.
    Same,
    /// No shader any more.
    Stillborn { said: String },
    /// No kernel that this device runs has the text.
    Unreached,
}

/// The builtin cases, planned for one device, and what the twins say of them once that was asked.
pub struct Hunt {
    gpu: Arc<Gpu>,
    cases: Vec<Case>,
    /// What plans compile, each once.
    codes: Vec<Code>,
    /// Those with little work first, and before them what killed mutants lately: what is wrong with neighbouring lines is
    /// often noticed by the same.
    runs: Vec<Run>,
}

struct Case {
    of: OfKernels,
    f32: OnceCell<Judged>,
    f16: OnceCell<Judged>,
}

/// One plan of one case.
struct Run {
    case: usize,
    precision: Precision,
    plan: Plan,
    /// By their places among all.
    codes: BTreeSet<usize>,
    /// Of all its steps.
    workgroups: u64,
}

impl Hunt {
    /// # Errors
    /// A case that cannot be planned, but for those that are too large for the device.
    pub fn new(gpu: &Arc<Gpu>) -> Result<Hunt> {
        let of = |of| Case { of, f32: OnceCell::new(), f16: OnceCell::new() };
        let cases: Vec<Case> = builtin::known_cases(None)?.into_iter().map(of).collect();
        let mut hunt = Hunt { gpu: gpu.clone(), cases, codes: vec![], runs: vec![] };
        let mut known = HashMap::new();
        for (case, precision, plan) in hunt.plans()? {
            let variants = plan.steps.iter().filter_map(Variant::of);
            let codes = variants.map(|variant| hunt.place(Code::of(&variant), &mut known)).collect();
            let workgroups = workgroups(&plan);
            hunt.runs.push(Run { case, precision, plan, codes, workgroups });
        }
        hunt.runs.sort_by_key(|run| run.workgroups);
        Ok(hunt)
    }

    fn plans(&self) -> Result<Vec<(usize, Precision, Plan)>> {
        let mut found = Vec::new();
        for (number, case) in self.cases.iter().enumerate() {
            let graph = case.of.graph()?;
            for precision in case.of.precisions() {
                let target = Target { precision, ..self.gpu.target().clone() };
                match plans(&graph, &target, case.of.kernels) {
                    Ok(plans) => found.extend(plans.into_iter().map(|plan| (number, precision, plan))),
                    Err(Error::TooLarge { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }

    /// A code's place among all.
    fn place(&mut self, code: Code, known: &mut HashMap<Code, usize>) -> usize {
        *known.entry(code).or_insert_with_key(|code| {
            self.codes.push(code.clone());
            self.codes.len() - 1
        })
    }

    /// Runs everything unbroken, and how much that is: where a case fails then, nothing can be said of mutants.
    ///
    /// # Errors
    /// The first case that fails.
    pub fn must_pass(&self) -> Result<usize> {
        for run in &self.runs {
            self.play(&self.gpu, run).map_err(|said| Error::Graph(format!("{}: {said}", self.name(run))))?;
        }
        Ok(self.runs.len())
    }

    /// What becomes of a mutant of this shader. `started` is told before each run, since some never end.
    ///
    /// # Errors
    /// A device that cannot be opened.
    pub fn fate(&mut self, mutant: &Mutant, shader: &str, started: &mut dyn FnMut()) -> Result<Fate> {
        let (fate, killer) = self.outcome(mutant, shader, started)?;
        if let Some(place) = killer {
            self.runs[..=place].rotate_right(1);
        }
        Ok(fate)
    }

    /// The fate, and the run that killed it.
    fn outcome(
        &self,
        mutant: &Mutant,
        shader: &str,
        started: &mut dyn FnMut(),
    ) -> Result<(Fate, Option<usize>)> {
        let (from, to) = part(mutant, shader);
        let with_it = |(place, code): (usize, &Code)| code.wgsl.contains(&from).then_some(place);
        let broken: BTreeSet<usize> = self.codes.iter().enumerate().filter_map(with_it).collect();
        if broken.is_empty() {
            return Ok((Fate::Unreached, None));
        }
        started();
        let gpu = Arc::new(self.gpu.reopen()?);
        gpu.break_kernels(&from, &to);
        let mut mistake = Mistake { hunt: self, from, to, broken, changes: HashMap::new() };
        let mut passed = 0;
        let most = if mutant.line(shader).contains("groups") { u64::MAX } else { MANY_WORKGROUPS };
        let runs = self.runs.iter().enumerate().filter(|(_, run)| run.workgroups <= most);
        // The same cases again, with wider bounds: of use to what only they compile.
        let (halves, singles): (Vec<_>, Vec<_>) = runs.partition(|(_, run)| run.precision == Precision::F16);
        let mut single_passed = false;
        for (place, run) in singles.into_iter().chain(halves) {
            if single_passed && run.precision == Precision::F16 {
                break;
            }
            let killed = |said| Ok((Fate::Killed { by: self.name(run), said }, Some(place)));
            match mistake.change_of(run) {
                Change::None => continue,
                Change::Refused(said) if mistake.is_refused_everywhere() => {
                    return Ok((Fate::Stillborn { said }, None));
                }
                Change::Refused(said) => return killed(said),
                Change::Some => {}
            }
            started();
            if let Err(said) = self.play(&gpu, run) {
                return killed(said);
            }
            passed += 1;
            single_passed |= run.precision == Precision::F32;
        }
        Ok((if passed == 0 { Fate::Same } else { Fate::Survived { runs: passed } }, None))
    }

    fn name(&self, run: &Run) -> String {
        let (operator, case) = self.cases[run.case].of.path();
        let stored = if run.precision == Precision::F16 { ", storing f16" } else { "" };
        format!("{operator}/{case} ({}{stored})", kernels(&run.plan).join(", "))
    }

    /// Plays a plan on poisoned memory and judges what comes of it.
    fn play(&self, gpu: &Arc<Gpu>, run: &Run) -> Result<(), String> {
        let case = &self.cases[run.case];
        let judged = case.judged(run.precision)?;
        let player = Player::guarded(gpu, run.plan.clone(), &mut WeightStore::default());
        let outputs =
            player.and_then(|player| player.run_poisoned(&judged.inputs)).map_err(|e| e.to_string())?;
        compare(&judged.expected, &outputs, &case.of.bounds(&judged.bounds, &kernels(&run.plan))).1
    }
}

/// A mistake, and what it changes.
struct Mistake<'a> {
    hunt: &'a Hunt,
    from: String,
    to: String,
    /// The codes that have the text.
    broken: BTreeSet<usize>,
    /// What was looked at so far.
    changes: HashMap<usize, Change>,
}

impl Mistake<'_> {
    /// In any code that the run needs.
    fn change_of(&mut self, run: &Run) -> Change {
        let mut found = Change::None;
        for &code in run.codes.intersection(&self.broken) {
            let change = || self.hunt.codes[code].change(&self.from, &self.to);
            match self.changes.entry(code).or_insert_with(change) {
                Change::None => {}
                Change::Some => found = Change::Some,
                Change::Refused(said) => return Change::Refused(said.clone()),
            }
        }
        found
    }

    fn is_refused_everywhere(&self) -> bool {
        let change = |&code: &usize| self.hunt.codes[code].change(&self.from, &self.to);
        self.broken.iter().all(|code| matches!(change(code), Change::Refused(_)))
    }
}

impl Case {
    fn judged(&self, precision: Precision) -> Result<&Judged, String> {
        let cell = match precision {
            Precision::F32 => &self.f32,
            Precision::F16 => &self.f16,
        };
        if cell.get().is_none() {
            let _ = cell.set(self.of.judged(precision)?);
        }
        cell.get().ok_or_else(|| "the twin said nothing".into())
    }
}

fn workgroups(plan: &Plan) -> u64 {
    plan.steps.iter().map(|step| step.grid.iter().map(|&n| u64::from(n)).product::<u64>()).sum()
}

/// The part of a shader that holds the mistake, without it and with it. Of activations only those lines reach a device that
/// name a function that is asked for: there a line that is a whole case is a part by itself.
fn part(mutant: &Mutant, shader: &str) -> (String, String) {
    let is_case = |line: &str| line.trim_start().starts_with("case ");
    let (mut start, mut end) = (0, 0);
    let mut last_is_case = false;
    for line in shader.split_inclusive('\n') {
        if end > mutant.at && (last_is_case || is_case(line)) {
            break;
        }
        if last_is_case || is_case(line) {
            start = end;
        }
        last_is_case = is_case(line);
        end += line.len();
    }
    let inside = Mutant { at: mutant.at - start, ..mutant.clone() };
    let from = &shader[start..end];
    (from.to_string(), inside.apply(from))
}

#[cfg(test)]
mod tests {
    use super::super::mutants;
    use super::*;

    #[test]
    fn a_case_of_a_switch_is_a_part_by_itself() {
        let text =
            "fn f() {\n a + b;\n switch c {\n  case 1u: { d + e; }\n  case 2u: { f + g; }\n }\n h + i;\n}\n";
        let parts: Vec<(String, String)> =
            mutants("s", text).iter().filter(|m| m.from == "+").map(|m| part(m, text)).collect();
        let from: Vec<&str> = parts.iter().map(|(from, _)| from.as_str()).collect();
        let expected = [
            "fn f() {\n a + b;\n switch c {\n",
            "  case 1u: { d + e; }\n",
            "  case 2u: { f + g; }\n",
            " }\n h + i;\n}\n",
        ];
        assert_eq!(from, expected);
        assert!(parts.iter().all(|(from, to)| from.replace('+', "*") == *to));
    }
}
