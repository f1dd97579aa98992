//! Which detector speaks: a pack that was made for records like the file's and whose training rows look like them, or the
//! forest that is fitted to the file itself.

use crate::bundle::Pack;
use crate::domain::FitReport;
use crate::error::{Error, Result};
use crate::flow::Record;
use crate::protocol::PackChoice;
use crate::schema::Schema;
use crate::table::Table;
use std::rc::Rc;

/// Who speaks and why.
#[derive(Default)]
pub(super) struct Choice {
    /// `None` for the forest fitted to the file itself.
    pub chosen: Option<Rc<Pack>>,
    /// In plain words.
    pub explanation: String,
    /// How well the file fits the pack that speaks, or the one that keeps silent because it does not.
    pub fit: Option<FitReport>,
    pub warnings: Vec<String>,
}

const ALONE: &str = "An isolation forest fitted to this very file speaks alone";

impl Choice {
    pub fn new(packs: &[Rc<Pack>], table: &Table, schema: &Schema, rows: &[u32], choice: &PackChoice) -> Result<Self> {
        match choice {
            PackChoice::None => Ok(Self { explanation: format!("{ALONE}, as you asked."), ..Self::default() }),
            PackChoice::Auto => {
                let may = |pack: &&Rc<Pack>| pack.manifest().switched_off.is_none() && pack.fits(table, schema).is_ok();
                let mut candidates: Vec<&Rc<Pack>> = packs.iter().filter(may).collect();
                // One that was made for these very columns knows more than one for any flow log.
                candidates.sort_by_key(|pack| pack.manifest().record == Record::Flow);
                let mut silent: Option<Self> = None;
                for pack in candidates {
                    let tried = Self::of(pack, table, schema, rows)?;
                    if tried.chosen.is_some() {
                        return Ok(tried);
                    }
                    silent.get_or_insert(tried);
                }
                let none = || Self {
                    explanation: format!("{ALONE}: no model pack was trained on records like these."),
                    ..Self::default()
                };
                Ok(silent.unwrap_or_else(none))
            }
            PackChoice::Named(name) => {
                let pack = packs.iter().find(|pack| pack.manifest().name == *name);
                let pack = pack.ok_or_else(|| Error::new(format!("There is no model pack named \"{name}\"")))?;
                pack.fits(table, schema)?;
                let mut choice = Self::of(pack, table, schema, rows)?;
                if let Some(why) = &pack.manifest().switched_off {
                    choice.warnings.push(format!("The model pack {name} is switched off by itself: {why}."));
                }
                Ok(choice)
            }
        }
    }

    /// The pack's choice to speak or to keep silent.
    fn of(pack: &Rc<Pack>, table: &Table, schema: &Schema, rows: &[u32]) -> Result<Self> {
        let fit = pack.fit(table, schema, rows)?;
        let name = &pack.manifest().name;
        if fit.accepted {
            return Ok(Self {
                explanation: format!("The model pack {name} speaks: its isolation forest and its network together."),
                chosen: Some(pack.clone()),
                fit: Some(fit),
                warnings: Vec::new(),
            });
        }
        Ok(Self {
            explanation: format!(
                "{ALONE}: the model pack {name} keeps silent, because these records are unlike those that it was trained on."
            ),
            warnings: Vec::new(),
            chosen: None,
            fit: Some(fit),
        })
    }
}
