//! Of the files of a release, those that say how its tables are read: a mapping, and a structure. They are part
//! of the release, signed as the tables are, so that whoever receives them reads the tables in the same way.

use std::fs::File;

use talanoa_proto::Code;

use crate::{
    clock::rfc3339,
    formats::{self, Guide, structure::Catalogue},
    intake::{Claim, Faults, Refused},
    mapping::{self, Mapping, MappingError},
    problem::Problem,
    store::shelf::Staging,
};

/// Names among the files that were sent. `None`: there is none.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub structure: Option<String>,
    pub mapping: Option<String>,
}

/// Who maintains a structure that is inferred, how it is called, and when.
pub struct Maintained {
    pub agency: String,
    pub id: String,
    /// Seconds since 1970.
    pub at: u64,
}

pub struct Guides {
    named: Named,
    structure: Option<Catalogue>,
    mapping: Option<Mapping>,
}

impl Guides {
    /// `names[n]` is the name of staged file `n`. With a mapping and no structure one is inferred, and becomes
    /// one more file.
    pub fn read(
        staging: &Staging,
        names: &mut Vec<String>,
        mut named: Named,
        maintained: &Maintained,
    ) -> Result<Self, Problem> {
        let structure = |names: &[String], name: &String| read_structure(staging, names, name);
        let mut definitions = named.structure.as_ref().map(|name| structure(names, name)).transpose()?;
        let mapping = named.mapping.as_ref().map(|name| read_mapping(staging, names, name)).transpose()?;
        if let (Some(mapping), None) = (&mapping, &definitions) {
            let name = infer(staging, names, mapping, maintained)?;
            definitions = Some(structure(names, &name)?);
            named.structure = Some(name);
        }
        Ok(Self { named, structure: definitions, mapping })
    }

    pub fn guide(&self) -> Guide<'_> {
        Guide { structure: self.structure.as_ref(), mapping: self.mapping.as_ref() }
    }

    /// `None`: the file is none of them.
    pub fn claim(&self, name: &str) -> Option<Claim> {
        let is = |guide: &Option<String>| guide.as_deref() == Some(name);
        match () {
            () if is(&self.named.structure) => Some(Claim::Structure),
            () if is(&self.named.mapping) => Some(Claim::Mapping),
            () => None,
        }
    }
}

fn infer(
    staging: &Staging,
    names: &mut Vec<String>,
    mapping: &Mapping,
    Maintained { agency, id, at }: &Maintained,
) -> Result<String, Problem> {
    let name = mapping::infer::FILE_NAME;
    if names.iter().any(|n| n == name) {
        let taken = format!("{name} is the name of the structure that is inferred from a mapping");
        return Err(Problem::bad_request(taken).advise("rename that file, or give it as --structure"));
    }
    let message = mapping::infer::structure_message(mapping, agency, id, &rfc3339(*at));
    staging.file(names.len() as u32)?.write_at(&message, 0)?;
    names.push(name.to_owned());
    Ok(name.to_owned())
}

fn read_structure(staging: &Staging, names: &[String], name: &str) -> Result<Catalogue, Problem> {
    let mut file = open(staging, names, name)?;
    let (catalogue, _, found) = formats::read_structure(&mut file).map_err(Problem::internal)?;
    if !found.has_errors() {
        return Ok(catalogue);
    }
    // Its own fault is told, not what tables look like beside half of it.
    let mut faults = Faults::default();
    found.faults().for_each(|fault| faults.push(fault));
    Err(Problem::new(Code::IntakeRefused, format!("{name}: {}", Refused { faults })))
}

fn read_mapping(staging: &Staging, names: &[String], name: &str) -> Result<Mapping, Problem> {
    let refused =
        |e: MappingError| Problem::new(Code::IntakeRefused, format!("{name}: {e}, nothing was published"));
    Mapping::load(open(staging, names, name)?).map_err(refused)
}

fn open(staging: &Staging, names: &[String], name: &str) -> Result<File, Problem> {
    let at = names.iter().position(|n| n == name);
    let at = at.ok_or_else(|| Problem::bad_request(format!("{name} was not sent")))?;
    File::open(staging.path(at as u32)).map_err(Problem::internal)
}
