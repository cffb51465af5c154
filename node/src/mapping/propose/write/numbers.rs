//! How numbers are written, and what is none: a figure is never offered as a missing value.

use std::collections::BTreeSet;

use super::{super::LOCALES, Column, PeriodRole, Roles, Writer, quoted};
use crate::{
    intake::cell,
    mapping::decimal::{self, Locale, NotDecimal},
};

impl Writer<'_> {
    pub(super) fn numbers(&mut self, locale: &Locale, roles: &Roles) {
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
}

/// `12.3p`, `(13.5)`, `<5`, `INF`: somebody counted something.
fn is_figure(written: &str) -> bool {
    let plain = Locale::default();
    written.chars().any(char::is_numeric) || decimal::normalise(written, &plain) == Err(NotDecimal::Infinite)
}
