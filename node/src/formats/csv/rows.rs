//! One observation a row, unless the row deletes, or gives attributes to a part of the key alone.

use std::borrow::Cow;

use csv::StringRecord;

use super::{
    super::{
        model::{Action, DataSet, OBS_VALUE, Observation, Pairs, TIME_PERIOD},
        reading::Reading,
        stop::Stop,
        structure::{Dsd, PresumedKey, Role},
    },
    header::{Column, Header, Style},
};
use crate::intake::{Fault, cell};

/// A dimension that does not apply to the row's attributes.
const SWITCHED_OFF: &str = "~";

/// `ID: Name` carries a label beside the id; the id is what counts.
pub fn id(cell: &str) -> &str {
    cell.split_once(": ").map_or(cell, |(id, _)| id)
}

/// Which texts of a column are `CODE: Label`. To cut a text that is none would lose its rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Labels {
    None,
    /// Codes have no colon themselves: `CODE:Label` is cut too.
    Code,
    Coded,
    /// Nobody says whether it is coded: what a text such as `Source: Fiji` begins with is not taken for a code.
    Presumed,
}

impl Labels {
    fn cut(self, cell: &str) -> &str {
        let is_code = |id: &str| match self {
            Self::None => false,
            Self::Code | Self::Coded => !id.is_empty() && id.chars().all(is_of_id),
            Self::Presumed => !id.is_empty() && id.chars().all(|c| is_of_id(c) && !c.is_ascii_lowercase()),
        };
        let between = if self == Self::Code { ":" } else { ": " };
        cell.split_once(between).filter(|(id, _)| is_code(id)).map_or(cell, |(id, _)| id)
    }
}

/// Several values of one cell. One that holds the separator stands in quotes, in which a quote is doubled.
fn split(cell: &str, sub: char) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(cell);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut in_quotes = false;
        let end = text.char_indices().find(|(_, c)| {
            in_quotes ^= *c == '"' && text.starts_with('"');
            *c == sub && !in_quotes
        });
        let (value, after) = match end {
            Some((at, _)) => (text.get(..at)?, text.get(at + sub.len_utf8()..)),
            None => (text, None),
        };
        rest = after;
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        Some(quoted.map_or(value.into(), |inner| inner.replace("\"\"", "\"").into()))
    })
}

pub struct Rows<'r, 'a> {
    header: Header,
    pub reading: &'r mut Reading<'a>,
    dsd: Option<&'a Dsd>,
    /// One for each of the header's columns, as the structure in hand sees them; `None`: not a component.
    roles: Vec<Option<Role>>,
    /// Of each, which texts carry a label.
    labels: Vec<Labels>,
    primary_measure: String,
    /// The key is presumed, and has the period: it alone says whether the row observes.
    has_presumed_time: bool,
    /// Kind and name as the last row wrote them: most files repeat them in every row.
    last_structure: Option<(String, String)>,
    rows: u64,
    key: Pairs,
    attributes: Pairs,
    /// Beside the primary one.
    measures: Pairs,
}

impl<'r, 'a> Rows<'r, 'a> {
    pub fn new(header: Header, reading: &'r mut Reading<'a>) -> Self {
        Self {
            header,
            reading,
            dsd: None,
            roles: Vec::new(),
            labels: Vec::new(),
            primary_measure: OBS_VALUE.to_owned(),
            has_presumed_time: false,
            last_structure: None,
            rows: 0,
            key: Pairs::default(),
            attributes: Pairs::default(),
            measures: Pairs::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// A row, whatever becomes of it.
    pub fn count(&mut self) {
        self.rows += 1;
    }

    /// `cells` has as many cells as the header.
    pub fn add(&mut self, line: u64, cells: &StringRecord) -> Result<(), Stop> {
        self.note_structure(line, cells);
        let Some(action) = self.action(line, cells) else { return Ok(()) };
        self.key.clear();
        self.attributes.clear();
        self.measures.clear();
        let (mut value, mut has_whole_key, mut has_gap) = (None, true, false);
        for ((column, role), labels) in self.header.columns.iter().zip(&self.roles).zip(&self.labels) {
            let written = cells.get(column.at).unwrap_or_default();
            let text = labels.cut(written);
            let pushed = match role {
                Some(Role::Dimension) if text == SWITCHED_OFF => {
                    (has_whole_key, has_gap) = (false, true);
                    Ok(())
                }
                // Without a definition a dimension may be taken for an attribute; only dimensions are off.
                Some(Role::Attribute)
                    if text == SWITCHED_OFF && self.header.style == Style::V2 && self.dsd.is_none() =>
                {
                    has_whole_key = false;
                    Ok(())
                }
                Some(Role::Dimension) if text.is_empty() => {
                    has_gap = true;
                    has_whole_key &= self.has_presumed_time && column.id != TIME_PERIOD;
                    Ok(())
                }
                Some(Role::Dimension) => self.key.push(&column.id, text),
                Some(Role::Measure) if column.id == self.primary_measure => {
                    value = Some(self.header.decimal(text)).filter(|v| !v.is_empty());
                    Ok(())
                }
                Some(Role::Measure) if text.is_empty() => Ok(()),
                Some(Role::Measure) => self.measures.push(&column.id, &self.header.decimal(text)),
                Some(Role::Attribute) if written.is_empty() => Ok(()),
                Some(Role::Attribute) => match self.header.sub.filter(|_| column.is_many) {
                    None => self.attributes.push(&column.id, text),
                    Some(sub) => split(text, sub).try_for_each(|v| self.attributes.push(&column.id, &v)),
                },
                None => Ok(()),
            };
            pushed.map_err(|fault| Stop::from(fault).at(line))?;
        }
        if has_gap && value.is_some() && self.dsd.is_none() && action != Action::Delete {
            self.tell_missing(line);
        }
        // Since 2.0 a row may give attributes to a part of the key: nothing was observed there.
        let may_be_partial = self.header.style == Style::V2 && action != Action::Delete;
        if value.is_none() && self.measures.is_empty() && !has_whole_key && may_be_partial {
            return Ok(());
        }
        self.reading.sink.observation(&Observation {
            row: line,
            action,
            key: &self.key,
            time: self.key.get(TIME_PERIOD),
            value: value.as_deref(),
            measures: &self.measures,
            attributes: &self.attributes,
        });
        Ok(())
    }

    /// A value without a place. Where several structures share the columns, the others' are empty: a doubt.
    fn tell_missing(&mut self, line: u64) {
        let missing =
            self.header.columns.iter().zip(&self.roles).filter(|(column, role)| {
                **role == Some(Role::Dimension) && self.key.get(&column.id).is_none()
            });
        let names: Vec<&str> = missing.map(|(column, _)| column.id.as_str()).collect();
        let message = format!("a value without {}", names.join(", "));
        self.reading.sink.fault(Fault::warning("dimension.missing", message).at(line));
    }

    /// `None`: nobody can say what the row wants, so it is not taken for data.
    fn action(&mut self, line: u64, cells: &StringRecord) -> Option<Action> {
        let Some(at) = self.header.action else { return Some(Action::Information) };
        let written = cells.get(at).unwrap_or_default();
        let action = Action::parse(written);
        if action.is_none() {
            let message = format!("ACTION {}; it is I, A, R, M or D", cell::shown(written.as_bytes()));
            self.reading.sink.fault(Fault::error("sdmx.action", message).at(line));
        }
        action
    }

    fn note_structure(&mut self, line: u64, cells: &StringRecord) {
        let cell = |n: usize| cells.get(n).unwrap_or_default();
        let (kind, named) = match self.header.style {
            Style::V1 => ("dataflow", cell(0)),
            Style::V2 => (cell(0), cell(1)),
            Style::Plain | Style::Metadata => ("", ""),
        };
        if self.last_structure.as_ref().is_some_and(|(k, n)| k == kind && n == named) {
            return;
        }
        // Its version ends in a bracket, behind which a label needs no blank.
        let structure = named.find("):").map_or_else(|| id(named), |end| &named[..=end]).to_owned();
        if let Some(fault) = self.doubt(kind, &structure) {
            self.reading.sink.fault(fault.at(line));
        }
        self.last_structure = Some((kind.to_owned(), named.to_owned()));
        self.begin_data_set(kind, &structure);
    }

    fn doubt(&self, kind: &str, structure: &str) -> Option<Fault> {
        if self.header.style == Style::Plain {
            return None;
        }
        let shown = format!("{} {}", cell::shown(kind.as_bytes()), cell::shown(structure.as_bytes()));
        let message = format!("{shown}; expected for example dataflow AGENCY:ID(1.0.0)");
        let is_kind = |kind: &str| matches!(kind, "dataflow" | "datastructure" | "dataprovision");
        match is_name(structure) {
            true if is_kind(kind) => None,
            true if is_kind(&kind.to_ascii_lowercase()) => Some(Fault::warning("sdmx.structure", message)),
            _ => Some(Fault::error("sdmx.structure", message)),
        }
    }

    fn labels(&self, (column, role): (&Column, &Option<Role>)) -> Labels {
        let component = self.dsd.and_then(|dsd| dsd.component(&column.id));
        let is_coded = |c| self.reading.definitions.is_some_and(|d| d.is_coded(c));
        match (role, component) {
            _ if column.is_many || !column.has_label => Labels::None,
            (Some(Role::Attribute), Some(component)) if !is_coded(component) => Labels::None,
            (Some(Role::Attribute), None) => Labels::Presumed,
            (Some(Role::Dimension), _) if column.id != TIME_PERIOD => Labels::Code,
            _ => Labels::Coded,
        }
    }

    fn begin_data_set(&mut self, kind: &str, structure: &str) {
        self.dsd = self.reading.dsd_of(kind, structure);
        let mut dimensions = Vec::new();
        if let Some(dsd) = self.dsd {
            self.primary_measure = dsd.primary_measure().to_owned();
            // What the definition does not know somebody added: it is kept, and doubted.
            let role = |c: &Column| dsd.role(&c.id).unwrap_or(Role::Attribute);
            self.roles = self.header.columns.iter().map(|c| Some(role(c))).collect();
        } else {
            OBS_VALUE.clone_into(&mut self.primary_measure);
            let key = PresumedKey::of(self.header.columns.iter().map(|c| c.id.as_str()));
            let role = |(n, Column { id, .. }): (usize, &Column)| match id.as_str() {
                OBS_VALUE => Role::Measure,
                id if key.has(n, id) => Role::Dimension,
                _ => Role::Attribute,
            };
            self.roles = self.header.columns.iter().enumerate().map(|column| Some(role(column))).collect();
            let in_key =
                self.header.columns.iter().zip(&self.roles).filter(|(_, r)| **r == Some(Role::Dimension));
            dimensions = in_key.map(|(column, _)| column.id.clone()).collect();
            // The time dimension is the last of a key.
            dimensions.sort_by_key(|id| id == TIME_PERIOD);
        }
        self.has_presumed_time = dimensions.last().is_some_and(|id| id == TIME_PERIOD);
        self.labels = self.header.columns.iter().zip(&self.roles).map(|c| self.labels(c)).collect();
        self.reading.sink.data_set(&DataSet {
            kind,
            structure,
            dsd: self.dsd,
            dimensions: &dimensions,
            is_presumed: self.dsd.is_none(),
            has_measure: self.roles.contains(&Some(Role::Measure)),
            action: Action::Information,
        });
    }
}

fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_@$-.".contains(c)
}

impl Header {
    /// With a decimal point, where the file's columns show that it may write a comma.
    fn decimal<'c>(&self, text: &'c str) -> Cow<'c, str> {
        let is_comma = self.has_decimal_comma && !text.contains('.') && text.matches(',').count() == 1;
        if is_comma { text.replace(',', ".").into() } else { text.into() }
    }
}

/// `AGENCY:ID`, and `(VERSION)` where the artefact has one.
fn is_name(text: &str) -> bool {
    let made_of = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let Some((agency, rest)) = text.split_once(':') else { return false };
    let (id, version) = match rest.split_once('(') {
        Some((id, version)) => (id, version.strip_suffix(')').unwrap_or_default()),
        None => (rest, "1"),
    };
    made_of(agency, "._-") && made_of(id, "_-@$") && made_of(version, ".-+*~")
}
