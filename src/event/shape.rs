//! The fields of one object → the event it is, by the contract's shapes and the taxonomy's codes.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::field::Field;
use super::json::Fields;
use super::rfc3339::TimeReader;
use super::{
    Action, Command, Event, FoundHazard, Head, Inspection, InspectionSource, Quality, Reading, Reason,
    RecordEvent, Reject, Scalar, StageEvent,
};
use crate::log::Input;
use crate::taxonomy::{Grade, KindId, Kinds, RegionId, SectorId, Sectors, StageId, Taxonomy};

/// What a region's code must look like.
const REGION_EXPECTED: &str = "6, 9, 12 or 15 digits";

/// What shapes lean on beside the message itself.
pub(super) struct Shaper<'s> {
    pub(super) taxonomy: &'s Taxonomy,
    pub(super) zone: &'s TimeZone,
    pub(super) times: &'s mut TimeReader,
}

impl Shaper<'_> {
    /// The event of an input that these fields are.
    pub(super) fn event<'a>(&mut self, input: Input, fields: Fields<'a>) -> Result<Event<'a>, Reject> {
        let mut fields = fields;
        let expected = types_of(input);
        let kind = fields.required(Field::Type, expected)?;
        let fields = &mut fields;
        match (input, &*kind) {
            (Input::Sensors, "reading") => self.reading(fields).map(Event::Reading),
            (Input::Inspections, "inspection") => {
                self.inspection(fields).map(|event| Event::Inspection(event.into()))
            }
            (Input::Inspections, "hazard") => self.hazard(fields).map(|event| Event::Stage(event.into())),
            (Input::Items, "item") => self.item(fields).map(|event| Event::Stage(event.into())),
            (Input::Records, "record") => self.record(fields).map(|event| Event::Record(event.into())),
            (Input::Commands, name) => match action(name) {
                Some(action) => self.command(action, fields).map(|event| Event::Command(event.into())),
                None => Err(Field::Type.reject(Reason::UnknownType, name, expected)),
            },
            (_, other) => Err(Field::Type.reject(Reason::UnknownType, other, expected)),
        }
    }

    fn reading<'a>(&mut self, fields: &mut Fields<'a>) -> Result<Reading<'a>, Reject> {
        let head = self.head(fields)?;
        let enterprise_id = fields.id(Field::EnterpriseId)?;
        let sensor_id = fields.id(Field::SensorId)?;
        let gateway_id = fields.optional_id(Field::GatewayId)?;
        let code = fields.required(Field::Quantity, "a quantity of the taxonomy")?;
        let quantity = self.taxonomy.quantities.find(&code).ok_or_else(|| {
            Field::Quantity.reject(Reason::UnknownQuantity, &code, "a quantity of the taxonomy")
        })?;
        let wanted = &*self.taxonomy.quantities.get(quantity).unit;
        let unit = fields.required(Field::Unit, wanted)?;
        if unit != wanted {
            let expected = format!("{wanted:?}, the unit of {code}");
            return Err(Field::Unit.reject(Reason::UnitMismatch, &unit, &expected));
        }
        let names = [("good", Quality::Good), ("uncertain", Quality::Uncertain), ("bad", Quality::Bad)];
        let quality =
            fields.choice(Field::Quality, &names, "good, uncertain or bad")?.unwrap_or(Quality::Good);
        let value = fields.number(Field::Value)?;
        if value.is_none() && quality != Quality::Bad {
            return Err(Field::Value.missing("a finite number, unless `quality` is \"bad\""));
        }
        fields.check_unsigned(Field::Seq)?;
        Ok(Reading { head, enterprise_id, sensor_id, gateway_id, quantity, value, quality })
    }

    fn inspection<'a>(&mut self, fields: &mut Fields<'a>) -> Result<Inspection<'a>, Reject> {
        let head = self.head(fields)?;
        let enterprise_id = fields.id(Field::EnterpriseId)?;
        fields.check_text(Field::EnterpriseName)?;
        fields.check_text(Field::InspectorId)?;
        let expected = "grid, station, department, self, third_party or insurer";
        let names = [
            ("grid", InspectionSource::Grid),
            ("station", InspectionSource::Station),
            ("department", InspectionSource::Department),
            ("self", InspectionSource::OwnStaff),
            ("third_party", InspectionSource::ThirdParty),
            ("insurer", InspectionSource::Insurer),
        ];
        let source = fields.choice(Field::Source, &names, expected)?;
        let source = source.ok_or_else(|| Field::Source.missing(expected))?;
        let landlord_id = fields.optional_id(Field::LandlordId)?;
        let campaign = fields.optional_id(Field::Campaign)?;
        let objects = fields.objects(Field::Hazards)?;
        let hazards = objects.into_iter().enumerate().map(|(nth, mut found)| {
            self.found_hazard(&mut found)
                .map_err(|reject| Reject { detail: format!("hazards[{nth}]: {}", reject.detail), ..reject })
        });
        let hazards = hazards.collect::<Result<_, _>>()?;
        Ok(Inspection { head, enterprise_id, source, landlord_id, campaign, hazards })
    }

    fn found_hazard<'a>(&self, fields: &mut Fields<'a>) -> Result<FoundHazard<'a>, Reject> {
        let hazard_id = fields.id(Field::HazardId)?;
        let grade = fields.grade()?;
        let expected = "a clause of the hazard taxonomy";
        let clause = match fields.text(Field::Clause, expected)? {
            None => None,
            Some(code) => match self.taxonomy.clauses.find(&code) {
                None => return Err(Field::Clause.reject(Reason::UnknownClause, &code, expected)),
                clause => clause,
            },
        };
        fields.check_text(Field::Description)?;
        let due = fields.optional_date(Field::Due, self.zone)?;
        Ok(FoundHazard { hazard_id, grade, clause, due })
    }

    fn hazard<'a>(&mut self, fields: &mut Fields<'a>) -> Result<StageEvent<'a>, Reject> {
        let head = self.head(fields)?;
        let enterprise_id = Some(fields.id(Field::EnterpriseId)?);
        let item_id = fields.id(Field::HazardId)?;
        let stage = self.stage(Kinds::HAZARD, Field::Status, fields)?;
        let grade: Option<Grade> = fields.optional_grade()?;
        let due = fields.optional_date(Field::Due, self.zone)?;
        fields.check_text(Field::Note)?;
        let mut attributes = Vec::new();
        for (field, status, names) in [
            (Field::ListedLevel, "listed", &["county", "city", "province"][..]),
            (Field::Recheck, "rechecked", &["pass", "fail"]),
        ] {
            let expected = format!("{}, when `status` is \"{status}\"", names.join(" or "));
            let choices: Vec<(&str, &'static str)> = names.iter().map(|name| (*name, *name)).collect();
            match fields.choice(field, &choices, &expected)? {
                Some(name) => {
                    attributes.push((Cow::Borrowed(field.name()), Scalar::Text(Cow::Borrowed(name))))
                }
                None if self.stage_code(Kinds::HAZARD, stage) == status => {
                    return Err(field.missing(&expected));
                }
                None => {}
            }
        }
        let kind = Kinds::HAZARD;
        Ok(StageEvent {
            head,
            kind,
            item_id,
            stage,
            grade,
            due,
            enterprise_id,
            level: None,
            by: None,
            attributes,
        })
    }

    fn item<'a>(&mut self, fields: &mut Fields<'a>) -> Result<StageEvent<'a>, Reject> {
        let head = self.head(fields)?;
        let expected =
            "a kind of the taxonomy other than hazard, which is sent as an event of type \"hazard\"";
        let code = fields.required(Field::Kind, expected)?;
        let kind = match self.taxonomy.kinds.find(&code) {
            Some(kind) if kind != Kinds::HAZARD => kind,
            _ => return Err(Field::Kind.reject(Reason::UnknownKind, &code, expected)),
        };
        let item_id = fields.id(Field::ItemId)?;
        let stage = self.stage(kind, Field::Stage, fields)?;
        let due = fields.optional_time(Field::Due, self.times)?;
        let enterprise_id = fields.optional_id(Field::EnterpriseId)?;
        let level = fields.level()?;
        let by = fields.optional_id(Field::By)?;
        fields.check_text(Field::Note)?;
        let attributes = fields.attributes()?;
        Ok(StageEvent { head, kind, item_id, stage, grade: None, due, enterprise_id, level, by, attributes })
    }

    fn record<'a>(&mut self, fields: &mut Fields<'a>) -> Result<RecordEvent<'a>, Reject> {
        let head = self.head(fields)?;
        let kind = fields.id(Field::Kind)?;
        let enterprise_id = fields.optional_id(Field::EnterpriseId)?;
        let attributes = fields.attributes()?;
        Ok(RecordEvent { head, kind, enterprise_id, attributes })
    }

    fn command<'a>(&mut self, action: Action, fields: &mut Fields<'a>) -> Result<Command<'a>, Reject> {
        let id = fields.id(Field::Id)?;
        let time = fields.time(Field::Time, self.times)?;
        let alert_id = fields.id(Field::AlertId)?;
        let by = fields.optional_id(Field::By)?;
        let expires_at = fields.optional_time(Field::ExpiresAt, self.times)?;
        let assignee = fields.optional_id(Field::Assignee)?;
        let note = fields.text(Field::Note, "a text")?;
        if action == Action::Assign && assignee.is_none() {
            return Err(Field::Assignee.missing("to whom the alert is assigned"));
        }
        Ok(Command { id, time, action, alert_id, by, expires_at, assignee, note })
    }

    fn head<'a>(&mut self, fields: &mut Fields<'a>) -> Result<Head<'a>, Reject> {
        let id = fields.id(Field::Id)?;
        let time = fields.time(Field::Time, self.times)?;
        let region_code = fields.required(Field::Region, REGION_EXPECTED)?;
        let region = region(self.taxonomy, &region_code)
            .ok_or_else(|| Field::Region.reject(Reason::BadField, &region_code, REGION_EXPECTED))?;
        let code = fields.required(Field::Sector, "a sector of the taxonomy")?;
        let sector = sector(self.taxonomy, &code)
            .ok_or_else(|| Field::Sector.reject(Reason::UnknownSector, &code, "a sector of the taxonomy"))?;
        Ok(Head { id, time, region, region_code, sector })
    }

    fn stage(&self, kind: KindId, field: Field, fields: &mut Fields<'_>) -> Result<StageId, Reject> {
        let kind = self.taxonomy.kinds.get(kind);
        let expected = || {
            let codes: Vec<&str> = kind.stages.iter().map(|stage| &*stage.code).collect();
            format!("a stage of {}: {}", kind.code, codes.join(", "))
        };
        let code = fields.text(field, "a stage")?.ok_or_else(|| field.missing(&expected()))?;
        // The contract itself lists the statuses of a hazard; the stages of the other kinds are the kinds file's.
        let reason = if field == Field::Status { Reason::BadField } else { Reason::UnknownStage };
        kind.stage(&code).ok_or_else(|| field.reject(reason, &code, &expected()))
    }

    fn stage_code(&self, kind: KindId, stage: StageId) -> &str {
        let stages = &self.taxonomy.kinds.get(kind).stages;
        stages.get(usize::from(stage.0)).map_or("", |stage| &*stage.code)
    }
}

/// The region of a code, unknown ones included; `None` where the code is none at all.
pub(super) fn region(taxonomy: &Taxonomy, code: &str) -> Option<RegionId> {
    // Without an early end, so that all digits are looked at together.
    let digits = code.bytes().fold(true, |digits, byte| digits & byte.is_ascii_digit());
    (digits && matches!(code.len(), 6 | 9 | 12 | 15)).then(|| taxonomy.regions.find(code))
}

/// The sector of a code; `all` is a roll-up, which no event can be in.
pub(super) fn sector(taxonomy: &Taxonomy, code: &str) -> Option<SectorId> {
    taxonomy.sectors.find(code).filter(|sector| *sector != Sectors::ALL)
}

fn types_of(input: Input) -> &'static str {
    match input {
        Input::Sensors => "reading",
        Input::Inspections => "inspection or hazard",
        Input::Items => "item",
        Input::Records => "record",
        Input::Commands => "ack, unack, assign, silence, unsilence or close",
    }
}

fn action(name: &str) -> Option<Action> {
    match name {
        "ack" => Some(Action::Ack),
        "unack" => Some(Action::Unack),
        "assign" => Some(Action::Assign),
        "silence" => Some(Action::Silence),
        "unsilence" => Some(Action::Unsilence),
        "close" => Some(Action::Close),
        _ => None,
    }
}
