//! Commands about consent. What widens is drafted by the node and signed in this process: the node never
//! sees the key.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use talanoa_proto::{
    charter::{Card, CharterFile},
    envelope::Envelope,
    wire::{self, draft_request::What},
};

use super::{
    args::Listing,
    consent_args::{self, AddApplication, Application, Circle, Deny, Lang, Lift, Officers},
    draft_file::{DraftFile, ask, is_terminal},
    exit::Failure,
    remote::{Outcome, Remote, say},
};
use crate::keys;

const DAY_SECONDS: u64 = 86_400;

impl Remote {
    pub async fn grant(&mut self, typed: consent_args::Grant) -> Outcome {
        let action = |action: &consent_args::Action| match action {
            consent_args::Action::Read => wire::Action::Read.into(),
            consent_args::Action::List => wire::Action::List.into(),
            consent_args::Action::Aggregate => wire::Action::Aggregate.into(),
            consent_args::Action::Relay => wire::Action::Relay.into(),
        };
        let terms = typed.terms.as_deref().map(read_terms).transpose()?.unwrap_or_default();
        let grant = wire::DraftGrant {
            to: typed.to,
            datasets: typed.dataset,
            themes: typed.theme,
            from_number: typed.from_number,
            to_number: typed.to_number.unwrap_or_default(),
            actions: typed.action.iter().map(action).collect(),
            purposes: typed.purpose,
            not_after: typed.until,
            effective_after: typed.after.unwrap_or_default(),
            retention_after_end_seconds: typed.retention_days.unwrap_or_default() * DAY_SECONDS,
            purge_within_seconds: typed.purge_days.unwrap_or_default() * DAY_SECONDS,
            terms,
            supersedes: typed.supersedes.unwrap_or_default(),
            officers: typed.officer,
        };
        self.decide(What::Grant(grant), typed.lang, &typed.officers).await
    }

    pub async fn show_grant(&mut self, grant: String, lang: Lang) -> Outcome {
        let request = wire::SheetRequest { grant, lang: lang.code().to_owned() };
        println!("{}", self.client.sheet(request).await?.into_inner().text);
        Ok(())
    }

    pub async fn deny(&mut self, typed: Deny) -> Outcome {
        let Deny { to, dataset, until, officers } = typed;
        let dataset = dataset.map(|d| d.to_string()).unwrap_or_default();
        if officers.key.is_empty() && officers.draft.is_none() {
            if until.is_some() {
                return Err(Failure::Usage(
                    "--until needs the consent key: --key FILE. The node alone denies for 30 days".into(),
                ));
            }
            return say(self.client.deny(wire::DenyRequest { to, dataset }).await?.into_inner(), true);
        }
        let denial = wire::DraftDenial { to, dataset, until: until.unwrap_or_default() };
        self.decide(What::Denial(denial), Lang::En, &officers).await
    }

    pub async fn lift(&mut self, typed: Lift) -> Outcome {
        let lift = wire::DraftLift { denial: typed.denial };
        self.decide(What::Lift(lift), Lang::En, &typed.officers).await
    }

    pub async fn circle(&mut self, typed: Circle) -> Outcome {
        let codes = |members: Vec<talanoa_proto::id::MemberCode>| {
            members.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        match typed {
            Circle::New { name, member, officers } => {
                let circle = wire::DraftCircle { circle: String::new(), name, members: codes(member) };
                self.decide(What::Circle(circle), Lang::En, &officers).await
            }
            Circle::Set { circle, member, officers } => {
                let circle = wire::DraftCircle { circle, name: String::new(), members: codes(member) };
                self.decide(What::Circle(circle), Lang::En, &officers).await
            }
            Circle::Leave { circle } => {
                say(self.client.leave(wire::LeaveRequest { circle }).await?.into_inner(), true)
            }
        }
    }

    pub async fn application(&mut self, typed: Application) -> Outcome {
        match typed {
            Application::Add(typed) => self.add_application(typed).await,
            Application::End { application } => {
                let request = wire::EndApplicationRequest { application };
                say(self.client.end_application(request).await?.into_inner(), true)
            }
        }
    }

    async fn add_application(&mut self, typed: AddApplication) -> Outcome {
        let made = keys::generate()?;
        let key = match (&typed.public_key, &typed.key_out) {
            (Some(hex), _) => {
                hex::decode(hex).map_err(|_| Failure::Usage("--public-key is not hex".into()))?
            }
            (None, Some(path)) if path.exists() => {
                let message = format!("{} exists already: choose another --key-out", path.display());
                return Err(Failure::Refused { message, advice: None });
            }
            (None, Some(_)) => made.verifying_key().to_bytes().to_vec(),
            (None, None) => return Err(Failure::Usage("--key-out or --public-key is needed".into())),
        };
        let application = wire::DraftApplication {
            name: typed.name,
            key: key.into(),
            origins: typed.origin.iter().map(ToString::to_string).collect(),
            datasets: typed.dataset,
            list_only: typed.list_only,
            purposes: typed.purpose,
            not_after: typed.until,
        };
        let save = || match &typed.key_out {
            Some(path) => Ok(keys::save(path, &made)?),
            None => Ok(()),
        };
        self.decide_and(What::Application(application), Lang::En, &typed.officers, save).await
    }

    /// A clock that is ahead and confirmed ends grants for good: somebody must say which day it is.
    pub async fn confirm_clock(&mut self, date: Option<String>) -> Outcome {
        let status = self.status_object().await?;
        let text = |name: &str| status[name].as_str().unwrap_or_default();
        let (machine, node) = (text("machine_time"), text("time"));
        eprintln!(
            "this machine's clock says {machine}; this node counts {node} ({}). Once the clock is confirmed, what ends \
             before {machine} has ended, and nobody can take that back",
            text("clock")
        );
        match date {
            Some(date) if !machine.starts_with(&format!("{date}T")) => {
                let message = format!("by this machine's clock it is not {date}: nothing was confirmed");
                return Err(Failure::Refused { message, advice: Some("set the clock (NTP)".into()) });
            }
            Some(_) => {}
            None if is_terminal() => ask("Is that right?", false)?,
            None => return Err(Failure::Usage("say which day it is: --date YYYY-MM-DD".into())),
        }
        say(self.client.confirm_clock(wire::ConfirmClockRequest {}).await?.into_inner(), false)
    }

    pub async fn submit(&mut self, file: &Path) -> Outcome {
        let draft = DraftFile::read(file)?;
        self.submit_signed(&draft.envelope, draft.terms).await
    }

    /// Draft, page, signatures, submission; or a draft for officers elsewhere.
    async fn decide(&mut self, what: What, lang: Lang, officers: &Officers) -> Outcome {
        self.decide_and(what, lang, officers, || Ok(())).await
    }

    /// `drafted` is done when the node has nothing against it, and before anything is signed or written.
    async fn decide_and(
        &mut self,
        what: What,
        lang: Lang,
        officers: &Officers,
        drafted: impl FnOnce() -> Result<(), Failure>,
    ) -> Outcome {
        let request = wire::DraftRequest { what: Some(what), lang: lang.code().to_owned() };
        let drawn = self.client.draft_consent(request).await?.into_inner();
        let row = self.member_row().await?;
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        let mut draft = DraftFile {
            page: drawn.summary,
            envelope: Envelope::parse(&drawn.envelope).context("draft")?,
            terms: drawn.terms,
            charter: CharterFile::from_text(text("charter")).context("charter")?,
            card: Card::from_text(text("card")).context("card")?,
        };
        eprintln!("{}", draft.reread()?);
        if let Some(path) = &officers.draft {
            draft.create(path)?;
            drafted()?;
            let needed = drawn.threshold;
            eprintln!(
                "not signed ({needed} needed): talanoa sign {0} --key FILE, then talanoa submit {0}",
                path.display()
            );
            return Ok(());
        }
        let own = [self.dir.join("keys/consent.key")];
        let paths = if officers.key.is_empty() { &own[..] } else { &officers.key };
        let load = |path: &PathBuf| keys::load(path).context("the consent key is needed: --key FILE");
        let keys = paths.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        ask("Sign this?", officers.yes)?;
        keys.iter().try_for_each(|key| draft.sign(key))?;
        drafted()?;
        self.submit_signed(&draft.envelope, draft.terms).await
    }

    pub(super) async fn submit_signed(&mut self, envelope: &Envelope, terms: String) -> Outcome {
        let request = wire::SubmitRequest { envelope: envelope.to_bytes(), terms };
        say(self.client.submit(request).await?.into_inner(), true)
    }

    pub async fn list(&mut self, what: &str, typed: Listing) -> Outcome {
        self.list_between(what, typed, None, None).await
    }
}

/// A file that says nothing would make a grant without terms.
fn read_terms(path: &Path) -> Result<String, Failure> {
    let terms = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    if terms.trim().is_empty() {
        return Err(Failure::Usage(format!("--terms {}: the file is empty", path.display())));
    }
    Ok(terms)
}
