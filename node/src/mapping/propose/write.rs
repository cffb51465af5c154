//! The proposal as a TOML text: what was found, and what a person should look at.

use std::collections::BTreeSet;

use super::{
    LOCALES, Shape,
    profile::{Column, Profile},
    roles::{PeriodRole, Roles},
    spelling::{Ids, id_of, listed, quoted},
    wide::Wide,
};
use crate::{
    intake::cell,
    mapping::{
        Encoding,
        areas::{self, Scheme},
        decimal::{self, Locale, NotDecimal},
        writing::Spelling,
    },
};

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

    fn numbers(&mut self, locale: &Locale, roles: &Roles) {
        let wide = match &roles.period {
            Some(PeriodRole::Wide(wide)) => wide.places().collect(),
            _ => Vec::new(),
        };
        let columns: Vec<&Column> =
            roles.measures.iter().chain(&wide).filter_map(|n| self.profile.column(*n)).collect();
        self.locale(locale, &columns);
        let mut missing: BTreeSet<&str> = columns.iter().flat_map(|c| c.missing.keys().copied()).collect();
        let odd = columns.iter().filter(|c| c.odd > 0).flat_map(|c| c.odd_values.iter().map(String::as_str));
        // What has a digit is a figure with something beside it, and a figure is never missing.
        let (figures, marks): (BTreeSet<&str>, BTreeSet<&str>) = odd.partition(|odd| is_figure(odd));
        if columns.iter().any(|c| c.empty > 0) || missing.is_empty() {
            missing.insert("");
        }
        let shown = |texts: &BTreeSet<&str>| {
            texts.iter().map(|t| cell::shown(t.as_bytes())).collect::<Vec<_>>().join(" ")
        };
        if !figures.is_empty() {
            let figures = shown(&figures);
            self.comment(&format!("Not a number, their rows will be refused: {figures}"));
        }
        if !marks.is_empty() {
            let marks = shown(&marks);
            self.comment(&format!("Taken for marks of missing values, check them: {marks}"));
        }
        if columns.iter().any(|c| c.has_more_odd_values()) {
            self.comment(
                "There are more such than are listed here: the rows with the others will be refused.",
            );
        }
        let missing: Vec<String> = missing.union(&marks).map(|m| quoted(m)).collect();
        self.line(&format!("missing = [{}]", missing.join(", ")));
    }

    /// How the numbers of these columns are written.
    fn locale(&mut self, locale: &Locale, columns: &[&Column]) {
        let fits_too = |other: &&Locale| {
            other.decimal != locale.decimal
                && columns.iter().all(|c| c.numbers_in(other) >= c.numbers_in(locale))
        };
        let ambiguous = columns.iter().find_map(|c| c.ambiguous.as_deref());
        if let Some((written, other)) = ambiguous.zip(LOCALES.iter().find(fits_too)) {
            let (shown, read) = (cell::shown(written.as_bytes()), |l| decimal::normalise(written, l));
            let (this, other) = (read(locale).unwrap_or_default(), read(other).unwrap_or_default());
            self.comment(&format!(
                "TWO WAYS OF WRITING FIT: {shown} is read as {this}, and may be {other}. Check decimal and thousands."
            ));
            self.line(&format!("decimal = {}", quoted(&locale.decimal.to_string())));
        } else if locale.decimal != '.' || locale.thousands.is_some() {
            self.comment(
                "How numbers are written: 1,234 is one and a bit, or more than a thousand. Check it.",
            );
            self.line(&format!("decimal = {}", quoted(&locale.decimal.to_string())));
        }
        if let Some(thousands) = locale.thousands {
            self.line(&format!("thousands = {}", quoted(&thousands.to_string())));
        }
        if let Some(mixed) = columns.iter().find_map(|c| c.mixed_percent(locale)) {
            let shown = cell::shown(mixed.as_bytes());
            self.comment(&format!(
                "Some numbers have a % and others none, as {shown}: those with it will be refused."
            ));
        } else if columns.iter().any(|c| c.has_percents()) {
            self.comment("What stands behind numbers; an attribute UNIT_MEASURE should say it.");
            self.line("suffix = \"%\"");
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

    fn period(&mut self, roles: &Roles) {
        self.line("");
        match &roles.period {
            Some(PeriodRole::Column(place)) => {
                let (name, illegal) = (
                    self.name(*place),
                    self.profile.column(*place).map_or(0, |c| c.filled.saturating_sub(c.periods)),
                );
                if illegal > 0 {
                    self.comment(&format!(
                        "{illegal} cells are no SDMX periods: their rows will be refused."
                    ));
                }
                self.line(&format!("period = {{ column = {name} }}"));
            }
            Some(PeriodRole::Spelt(place, spellings)) => self.spelt(*place, spellings),
            Some(PeriodRole::Wide(wide)) => self.wide(wide),
            Some(PeriodRole::Named(year)) => {
                self.comment("No column of periods; this year stands in the name of the file. Check it.");
                self.line(&format!("period = {{ constant = {} }}", quoted(year)));
            }
            None => self.comment("No period was found. period = { constant = \"2018\" }"),
        }
    }

    /// A column of periods that are written in another way.
    fn spelt(&mut self, place: usize, spellings: &[Spelling]) {
        let (name, shown) = (self.name(place), self.values(place));
        match spellings {
            [] => {
                self.comment(&format!(
                    "Periods in no known spelling: {shown}. All rows are refused until codes name"
                ));
                self.comment(
                    "what each stands for, for example codes = { \"2018/19\" = \"2018-07-01/P1Y\" }.",
                );
                self.line(&format!("period = {{ column = {name} }}"));
            }
            // All whole years are parts of a year as well.
            [only] | [only @ Spelling::WholeYear, Spelling::PartOfYear] => {
                let spelling = quoted(only.name());
                self.line(&format!("period = {{ column = {name}, spelling = {spelling} }}  # {shown}"));
            }
            several => {
                let several: Vec<String> = several.iter().map(|s| quoted(s.name())).collect();
                let several = several.join(" or ");
                self.comment(&format!("{shown}: rows are refused until spelling says {several}."));
                self.line(&format!("period = {{ column = {name} }}"));
            }
        }
    }

    fn wide(&mut self, Wide { groups, spelling }: &Wide) {
        let spelling = spelling.map(|s| format!("spelling = {}", quoted(s.name())));
        let columns: usize = groups.iter().map(|(_, places)| places.len()).sum();
        self.comment(&format!("{columns} columns of periods: their values are the measure."));
        if let [(pattern, _)] = groups.as_slice() {
            let spelling = spelling.map(|s| format!(", {s}")).unwrap_or_default();
            self.line(&format!("period = {{ wide = {}{spelling} }}", quoted(pattern)));
            return;
        }
        if let Some(spelling) = spelling {
            self.line(&format!("period = {{ {spelling} }}"));
        }
        self.line("");
        self.comment(
            "They differ by more than the period: a dimension tells them apart. Name it and its codes.",
        );
        let split = self.ids.unique("INDICATOR".into());
        let mut codes = Ids::default();
        self.line("measure = [");
        for (pattern, _) in groups {
            let code = codes.unique(id_of(pattern));
            let pattern = quoted(pattern);
            self.line(&format!("    {{ wide = {pattern}, dimensions = {{ {split} = \"{code}\" }} }},"));
        }
        self.line("]");
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

/// `12.3p`, `(13.5)`, `<5`, `INF`: somebody counted something.
fn is_figure(written: &str) -> bool {
    let plain = Locale::default();
    written.chars().any(char::is_numeric) || decimal::normalise(written, &plain) == Err(NotDecimal::Infinite)
}
