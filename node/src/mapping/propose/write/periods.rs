//! Where the periods stand and how they are written; what reads in two ways is left to a person.

use super::{Ids, PeriodRole, Roles, Spelling, Wide, Writer, id_of, quoted};

impl Writer<'_> {
    pub(super) fn period(&mut self, roles: &Roles) {
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
}
