//! What an inspection says, for people and for scripts.

use serde_json::{Value, json};

use super::{
    grouped::Line,
    model::{Kind, Message},
    structure::Catalogue,
    tally::Tally,
};
use crate::intake::Severity;

#[derive(Clone, Debug, Default)]
pub struct Report {
    message: Option<Message>,
    pub observations: u64,
    pub deleted: u64,
    pub series: u64,
    pub dimensions: Vec<String>,
    pub are_presumed: bool,
    pub first: Option<String>,
    pub last: Option<String>,
    /// The double that is nearest to it.
    pub sum: Option<f64>,
    /// As a decimal, exactly.
    exact_sum: Option<String>,
    pub codes: u64,
    pub faults: Vec<Line>,
    has_errors: bool,
    fault_count: u64,
}

impl Report {
    pub(super) fn of(tally: Tally<'_>, found: &Catalogue) -> Self {
        let written = |period: Option<&str>| period.map(str::to_owned);
        let (first, last) = tally.period();
        let (first, last) = (written(first), written(last));
        let exact_sum = tally.total();
        let nearest = exact_sum.as_deref().and_then(|sum| sum.parse().ok());
        let is_structure = tally.message.as_ref().is_some_and(|m| m.kind == Kind::Structure);
        Self {
            observations: tally.observations,
            deleted: tally.deleted,
            series: tally.series,
            are_presumed: tally.are_presumed,
            sum: nearest.filter(|sum: &f64| sum.is_finite()),
            exact_sum,
            codes: found.codes,
            faults: tally.faults.lines(),
            has_errors: tally.faults.has_errors(),
            fault_count: tally.faults.total(),
            dimensions: if is_structure { found.dimensions() } else { tally.dimensions },
            message: tally.message,
            first,
            last,
        }
    }

    /// The file was not looked at: what should say how it is to be read cannot be read itself.
    pub(super) fn of_structure(tally: Tally<'_>) -> Self {
        Self {
            faults: tally.faults.lines(),
            has_errors: true,
            fault_count: tally.faults.total(),
            ..Self::default()
        }
    }

    pub fn kind(&self) -> Option<Kind> {
        self.message.as_ref().map(|m| m.kind)
    }

    pub fn format(&self) -> &str {
        self.message.as_ref().map_or("unknown", |m| &m.format)
    }

    pub fn version(&self) -> &str {
        self.message.as_ref().map_or("", |m| &m.version)
    }

    /// Read to its end, and without a fault that hides or falsifies something.
    pub fn is_whole(&self) -> bool {
        self.message.is_some() && !self.has_errors
    }

    pub fn fault_count(&self) -> u64 {
        self.fault_count
    }

    pub fn json(&self) -> Value {
        let fault = |line: &Line| json!({"row": line.row, "code": line.code, "message": line.message});
        json!({
            "format": self.format(),
            "version": self.version(),
            "kind": self.kind().map(Kind::name),
            "observations": self.observations,
            "series": self.series,
            "dimensions": self.dimensions,
            "period": {"first": self.first, "last": self.last},
            "sum": self.sum,
            "codes": self.codes,
            "faults": self.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    }

    /// A short page. What the file says is cleaned of what would move a cursor.
    pub fn page(&self) -> String {
        let mut lines = vec![format!("{} {}", self.format(), self.version()).trim().to_owned()];
        let mut line = |name: &str, text: String| lines.push(format!("  {name:<13} {text}"));
        if let Some(kind) = self.kind() {
            line("kind", kind.name().to_owned());
        }
        match self.kind() {
            Some(Kind::Data) => {
                line("observations", self.observations.to_string());
                if self.deleted > 0 {
                    line("deletions", format!("{} (never shown as data)", self.deleted));
                }
                line("series", self.series.to_string());
                let presumed = " (presumed: --structure would tell)";
                let doubt = if self.are_presumed && !self.dimensions.is_empty() { presumed } else { "" };
                line("dimensions", self.dimensions.join(", ") + doubt);
                let period = |p: &Option<String>| p.clone().unwrap_or_else(|| "–".to_owned());
                line("period", format!("{} to {}", period(&self.first), period(&self.last)));
                line("sum", self.exact_sum.clone().unwrap_or_else(|| "–".to_owned()));
            }
            Some(Kind::Structure) => {
                line("codes", self.codes.to_string());
                line("dimensions", self.dimensions.join(", "));
            }
            _ => {}
        }
        for fault in &self.faults {
            let severity = if fault.severity == Severity::Error { "error" } else { "warning" };
            let row = fault.row.map(|row| format!(" in row {row}")).unwrap_or_default();
            lines.push(format!("{severity} {}{row}: {}", fault.code, fault.message));
        }
        let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let lines = lines.into_iter().map(|line| line.chars().map(clean).collect::<String>());
        lines.map(|line| line + "\n").collect()
    }
}
