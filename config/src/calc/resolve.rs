//! Which tags a formula means, when all devices are read: unknown names, circles, and the order of computing.

use std::collections::HashMap;
use std::sync::Arc;

use forehearth_model::{DataType, DeviceId, Formula, Step, TagId};

use super::read::CalcDraft;
use super::{Node, NodeKind};
use crate::finding::{Finding, Log};
use crate::load::Field;
use crate::nearest::nearest;
use crate::plan::{CalcPlan, InterlockPlan, SetPlan};
use crate::texts::{self, phrase};

/// Values of one formula. Chosen: all cells of a potline, or all anodes of a
/// few cells; more is a query of the historian.
const MOST_INPUTS: usize = 1000;

/// A computed tag whose formula is not looked up yet.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pending {
    pub(crate) tag: TagId,
    pub(crate) device: DeviceId,
    pub(crate) draft: CalcDraft,
    /// The tags that tell skew and age of a set.
    pub(crate) set: Option<(TagId, TagId)>,
}

/// Tags by name.
struct Names<'a> {
    field: &'a Field,
    devices: HashMap<&'a str, DeviceId>,
    tags: HashMap<(DeviceId, &'a str), TagId>,
}

impl<'a> Names<'a> {
    fn new(field: &'a Field) -> Self {
        let devices = field.entries.iter().zip(0..);
        let devices = devices.map(|(entry, at)| (entry.name.as_str(), DeviceId(at))).collect();
        let tags = field.tag_entries.iter().zip(0..);
        let tags =
            tags.map(|(entry, at)| ((entry.device, entry.name.as_str()), TagId(at))).collect();
        Self { field, devices, tags }
    }

    fn find(&self, own: DeviceId, name: &str) -> Option<TagId> {
        if let Some(tag) = self.tags.get(&(own, name)) {
            return Some(*tag);
        }
        let (device, tag) = name.split_once("::")?;
        self.tags.get(&(*self.devices.get(device)?, tag)).copied()
    }

    /// The tags that are read or computed and match, in map order.
    fn group(&self, own: DeviceId, pattern: &str, but: TagId) -> Option<Vec<TagId>> {
        let (device, tag) = match pattern.split_once("::") {
            Some((device, tag)) => (Some(glob(device)?), glob(tag)?),
            None => (None, glob(pattern)?),
        };
        let names_device = |of: DeviceId| match &device {
            Some(glob) => glob.is_match(&self.field.entries[of.index()].name),
            None => of == own,
        };
        let entries = self.field.tag_entries.iter().zip(0..).map(|(entry, at)| (entry, TagId(at)));
        let matching = entries.filter(|(entry, id)| {
            *id != but
                && self.field.tags[id.index()].source.is_none()
                && names_device(entry.device)
                && tag.is_match(&entry.name)
        });
        Some(matching.map(|(_, id)| id).collect())
    }

    /// The steps of a formula; what is wrong with it is in the log.
    fn compile(&self, log: &Log, calc: &Pending) -> Formula {
        log.set_device(Some(Arc::from(self.field.entries[calc.device.index()].name.as_str())));
        let mut compiler =
            Compiler { log, names: self, calc, formula: Formula::default(), is_wrong: false };
        compiler.add(&calc.draft.formula);
        let Compiler { formula, is_wrong, .. } = compiler;
        if formula.inputs.is_empty() && !is_wrong {
            log.report(Finding::new(&texts::CALC_NO_TAGS, calc.draft.place));
        }
        formula
    }

    /// Names that could have been meant.
    fn near(&self, own: DeviceId, name: &str) -> Option<String> {
        let (device, tag, prefix) = match name.split_once("::") {
            Some((device, tag)) => (*self.devices.get(device)?, tag, format!("{device}::")),
            None => (own, name, String::new()),
        };
        let known = self.field.tag_entries.iter().filter(|entry| entry.device == device);
        let known: Vec<&str> = known.map(|entry| entry.name.as_str()).collect();
        Some(format!("{prefix}{}", nearest(tag, &known)?))
    }
}

/// A pattern of names; `[0]` is an element of an array, no set of signs.
fn glob(pattern: &str) -> Option<globset::GlobMatcher> {
    let literal = pattern.replace('[', "[[]");
    globset::Glob::new(&literal).ok().map(|glob| glob.compile_matcher())
}

/// Looks up the conditions under which tags may be written.
pub(crate) fn interlocks(log: &Log, field: &mut Field) -> Vec<InterlockPlan> {
    let pending = std::mem::take(&mut field.interlocks);
    if pending.is_empty() {
        return Vec::new();
    }
    let names = Names::new(field);
    let plans = pending.iter().map(|condition| {
        let text = condition.draft.text.clone();
        InterlockPlan { tag: condition.tag, formula: names.compile(log, condition), text }
    });
    let plans = plans.collect();
    log.set_device(None);
    plans
}

/// Looks up every formula. What is wrong is in the log; the plans are in the
/// order of computing.
pub(crate) fn resolve(log: &Log, field: &mut Field) -> Vec<CalcPlan> {
    let pending = std::mem::take(&mut field.calcs);
    if pending.is_empty() {
        return Vec::new();
    }
    let mut plans = Vec::with_capacity(pending.len());
    let names = Names::new(field);
    for calc in &pending {
        let formula = names.compile(log, calc);
        let set = calc.set.zip(calc.draft.grid);
        let set = set.map(|((skew, age), (every, stale))| SetPlan { every, stale, skew, age });
        plans.push(CalcPlan { tag: calc.tag, formula, set });
    }
    log.set_device(None);
    let order = in_order(log, field, &pending, &plans);
    for plan in &plans {
        field.tags[plan.tag.index()].source = plan.formula.inputs.first().copied();
    }
    order.into_iter().map(|at| plans[at].clone()).collect()
}

struct Compiler<'a> {
    log: &'a Log,
    names: &'a Names<'a>,
    calc: &'a Pending,
    formula: Formula,
    is_wrong: bool,
}

impl Compiler<'_> {
    /// Adds the steps of a node; returns how many values they leave.
    fn add(&mut self, node: &Node) -> usize {
        match &node.kind {
            NodeKind::Number(number) => self.formula.steps.push(Step::Number(*number)),
            NodeKind::Tag(name) => {
                if let Some(input) = self.look_up(node, name) {
                    self.formula.steps.push(Step::Input(input));
                }
            }
            NodeKind::Age(name) => {
                if let Some(input) = self.look_up(node, name) {
                    self.formula.steps.push(Step::Age(input));
                }
            }
            NodeKind::Group(pattern) => return self.add_group(node, pattern),
            NodeKind::Fixed(step, parts) => {
                for part in parts {
                    self.add(part);
                }
                self.formula.steps.push(*step);
            }
            NodeKind::Aggregate(aggregate, parts) => {
                let many: usize = parts.iter().map(|part| self.add(part)).sum();
                let many = u16::try_from(many).unwrap_or(u16::MAX);
                self.formula.steps.push(aggregate.step(many));
            }
        }
        1
    }

    fn add_group(&mut self, node: &Node, pattern: &str) -> usize {
        let tags = self.names.group(self.calc.device, pattern, self.calc.tag).unwrap_or_default();
        if tags.is_empty() || tags.len() > MOST_INPUTS {
            let finding = Finding::new(&texts::GROUP_EMPTY, self.place(node));
            self.report(finding.with("pattern", pattern));
        }
        for tag in tags.iter().take(MOST_INPUTS) {
            if let Some(input) = self.input(node, *tag) {
                self.formula.steps.push(Step::Input(input));
            }
        }
        tags.len()
    }

    fn look_up(&mut self, node: &Node, name: &str) -> Option<u16> {
        let Some(tag) = self.names.find(self.calc.device, name) else {
            let finding = Finding::new(&texts::CALC_UNKNOWN, self.place(node)).with("name", name);
            let near = if self.log.is_known(&finding) {
                None
            } else {
                self.names.near(self.calc.device, name)
            };
            self.report(match near {
                Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
                None => finding,
            });
            return None;
        };
        self.input(node, tag)
    }

    fn input(&mut self, node: &Node, tag: TagId) -> Option<u16> {
        let entry = &self.names.field.tag_entries[tag.index()];
        if entry.data_type == DataType::String {
            let finding = Finding::new(&texts::CALC_NO_NUMBER, self.place(node));
            self.report(
                finding.with("name", entry.name.as_str()).with("type", entry.data_type.name()),
            );
            return None;
        }
        let inputs = &mut self.formula.inputs;
        let at = inputs.iter().position(|known| *known == tag).unwrap_or_else(|| {
            inputs.push(tag);
            inputs.len() - 1
        });
        u16::try_from(at).ok()
    }

    fn place(&self, node: &Node) -> crate::source::Place {
        self.calc.draft.part(node.start, node.end)
    }

    fn report(&mut self, finding: Finding) {
        self.is_wrong = true;
        self.log.report(finding);
    }
}

/// Positions of the plans, each behind those it is computed of; circles are in
/// the log.
fn in_order(log: &Log, field: &Field, pending: &[Pending], plans: &[CalcPlan]) -> Vec<usize> {
    let places: HashMap<TagId, usize> =
        plans.iter().zip(0..).map(|(plan, at)| (plan.tag, at)).collect();
    // What is told of a computed tag waits for it, too.
    let computed = |mut tag: TagId| loop {
        if let Some(at) = places.get(&tag) {
            return Some(*at);
        }
        tag = field.tags[tag.index()].source?;
    };
    let before: Vec<Vec<usize>> = plans
        .iter()
        .map(|plan| plan.formula.inputs.iter().filter_map(|input| computed(*input)).collect())
        .collect();
    let mut walk =
        Walk { before: &before, state: vec![State::New; plans.len()], order: Vec::new() };
    for start in 0..plans.len() {
        if let Some(circle) = walk.visit(start) {
            let name = |at: &usize| field.tag_entries[plans[*at].tag.index()].name.as_str();
            let path: Vec<&str> = circle.iter().map(name).collect();
            let finding = Finding::new(&texts::CALC_CYCLE, pending[circle[0]].draft.place)
                .with("name", path[0])
                .with("path", path.join(" -> "));
            log.report(finding);
        }
    }
    walk.order
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// Depth first, without recursion: a chain of formulas may be long.
struct Walk<'a> {
    before: &'a [Vec<usize>],
    state: Vec<State>,
    order: Vec<usize>,
}

impl Walk<'_> {
    /// Adds `start` behind all before it; a circle that it leads into.
    fn visit(&mut self, start: usize) -> Option<Vec<usize>> {
        if self.state[start] != State::New {
            return None;
        }
        let mut path = vec![(start, 0)];
        self.state[start] = State::Open;
        let mut circle = None;
        while let Some((at, next)) = path.last_mut() {
            match self.before[*at].get(*next).copied() {
                Some(before) => {
                    *next += 1;
                    match self.state[before] {
                        State::Done => {}
                        State::New => {
                            self.state[before] = State::Open;
                            path.push((before, 0));
                        }
                        State::Open => {
                            let from = path.iter().position(|(at, _)| *at == before).unwrap_or(0);
                            let mut found: Vec<usize> =
                                path[from..].iter().map(|(at, _)| *at).collect();
                            found.push(before);
                            circle.get_or_insert(found);
                        }
                    }
                }
                None => {
                    self.state[*at] = State::Done;
                    self.order.push(*at);
                    path.pop();
                }
            }
        }
        circle
    }
}
