//! The proposal as a TOML text: what was found, and what a person should look at.

use super::{
    Shape,
    profile::{Column, Profile},
    roles::{PeriodRole, Roles},
    spelling::{Ids, id_of, listed, quoted},
    wide::Wide,
};
use crate::mapping::{
    Encoding,
    areas::{self, Scheme},
    decimal::Locale,
    writing::Spelling,
};

mod numbers;
mod periods;

pub fn toml(shape: &Shape, profile: &Profile, locale: &Locale, roles: &Roles) -> String {
    let mut writer = Writer { text: String::new(), profile, ids: Ids::default() };
    writer.comment("Proposed by `talanoa map`: read it, correct it, keep it beside the file.");
    writer.comment(&format!("{} rows, {} columns.", profile.rows, profile.columns.len()));
    writer.shape(shape);
    writer.numbers(locale, roles);
    writer.dimensions(roles);
    writer.period(roles);
    writer.measures(roles);
    writer.attributes(roles);
    writer.text
}

struct Writer<'p> {
    text: String,
    profile: &'p Profile,
    ids: Ids,
}

impl<'p> Writer<'p> {
    fn comment(&mut self, text: &str) {
        self.line(&format!("# {text}"));
    }

    fn line(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }

    fn name(&self, place: usize) -> String {
        self.profile.column(place).map(|c| quoted(&c.name)).unwrap_or_default()
    }

    fn shape(&mut self, shape: &Shape) {
        self.line("");
        if shape.encoding == Encoding::Windows1252 {
            self.comment("Not UTF-8. This is a guess: look at accented letters, or save the file as UTF-8.");
        }
        self.line(&format!("encoding = {}", quoted(shape.encoding.name())));
        self.line(&format!("delimiter = {}", quoted(&char::from(shape.delimiter).to_string())));
        if shape.skip_lines > 0 {
            self.comment("Lines above the header.");
            self.line(&format!("skip_lines = {}", shape.skip_lines));
        }
    }

    fn dimensions(&mut self, roles: &Roles) {
        self.line("");
        if roles.keys < roles.sampled {
            let (keys, rows) = (roles.keys, roles.sampled);
            self.comment(&format!(
                "Of {rows} rows looked at, {keys} have different keys: is a dimension missing?"
            ));
        }
        self.line("dimension = [");
        match roles.area {
            None => {
                self.line("    # No column of countries was found. { id = \"REF_AREA\", constant = \"FJ\" }")
            }
            Some((place, scheme)) => {
                let unknown = self.unknown_areas(place, scheme);
                if !unknown.is_empty() {
                    self.line(&format!("    # No countries, kept as written: {unknown}"));
                }
                self.ids.unique("REF_AREA".into());
                let (name, scheme) = (self.name(place), scheme.name());
                self.line(&format!("    {{ id = \"REF_AREA\", column = {name}, area = \"{scheme}\" }},"));
            }
        }
        for place in &roles.dimensions {
            let shown = self.values(*place);
            let entry = self.entry(*place);
            self.line(&format!("    {entry},  # {shown}"));
        }
        self.line("]");
    }

    fn entry(&mut self, place: usize) -> String {
        let id = self.id(place);
        format!("{{ id = \"{id}\", column = {} }}", self.name(place))
    }

    fn unknown_areas(&self, place: usize, scheme: Scheme) -> String {
        let Some(column) = self.profile.column(place) else { return String::new() };
        let mut unknown: Vec<&String> =
            column.distinct.iter().filter(|v| areas::find(scheme, v).is_none()).collect();
        unknown.sort_unstable();
        listed(&unknown)
    }

    fn values(&self, place: usize) -> String {
        let Some(column) = self.profile.column(place) else { return String::new() };
        let mut values: Vec<&String> = column.distinct.iter().collect();
        values.sort_unstable();
        listed(&values)
    }

    fn measures(&mut self, roles: &Roles) {
        if matches!(roles.period, Some(PeriodRole::Wide(_))) {
            return;
        }
        self.line("");
        match roles.measures.as_slice() {
            [] => self.comment("No column of numbers was found: each row is an observation without a value."),
            [only] => {
                let name = self.name(*only);
                self.line(&format!("measure = [{{ column = {name} }}]"));
            }
            several => {
                self.comment("Several columns of numbers: a dimension tells them apart.");
                let split = self.ids.unique("INDICATOR".into());
                let mut codes = Ids::default();
                self.line("measure = [");
                for place in several {
                    let column = self.profile.column(*place).map(|c| c.name.as_str()).unwrap_or_default();
                    let code = codes.unique(id_of(column));
                    let name = self.name(*place);
                    self.line(&format!(
                        "    {{ column = {name}, dimensions = {{ {split} = \"{code}\" }} }},"
                    ));
                }
                self.line("]");
            }
        }
    }

    fn attributes(&mut self, roles: &Roles) {
        let (said, silent): (Vec<usize>, Vec<usize>) =
            roles.attributes.iter().partition(|n| self.profile.column(**n).is_some_and(|c| c.filled > 0));
        // Months are made of it: what was written is kept beside them.
        let parts = match &roles.period {
            Some(PeriodRole::Spelt(place, spellings)) if spellings == &[Spelling::PartOfYear] => Some(*place),
            _ => None,
        };
        let said: Vec<usize> = said.into_iter().chain(parts).collect();
        if !said.is_empty() {
            self.line("");
            self.line("attribute = [");
            for place in said {
                let entry = self.entry(place);
                self.line(&format!("    {entry},"));
            }
            self.line("]");
        }
        let left_out = silent.iter().chain(&roles.left_out).filter_map(|n| self.profile.column(*n));
        let left_out: Vec<&String> = left_out.map(|c| &c.name).collect();
        if !left_out.is_empty() {
            self.line("");
            self.comment(&format!("Left out, empty or without a name: {}", listed(&left_out)));
        }
    }

    fn id(&mut self, place: usize) -> String {
        let id = self.profile.column(place).map(|c| id_of(&c.name)).unwrap_or_default();
        self.ids.unique(id)
    }
}
