//! Why an event is refused: one closed set, each member with its code on the wire.

/// A reason for which an event goes to `hazard.rejects` instead of being counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The record has no value (a tombstone).
    NullValue,
    /// The value has no bytes.
    EmptyValue,
    /// The value is longer than `max_event_bytes`.
    Oversized,
    /// The value is not UTF-8.
    NotUtf8,
    /// The value is not JSON, or not one JSON object.
    Malformed,
    /// Nested deeper than 16 levels.
    TooDeep,
    /// A field of the contract stands twice.
    DuplicateKey,
    /// The CloudEvents envelope is not a valid one.
    BadEnvelope,
    /// `type` is none of the contract's, or none that this topic carries.
    UnknownType,
    /// A required field is absent.
    MissingField,
    /// A field has a value of another type, or none of the values that the contract lists.
    BadField,
    /// A text is longer, or the attributes are more, than the contract allows.
    TooLong,
    /// A time is not RFC 3339 with an offset, or lies outside the years 1970 to 9999.
    BadTime,
    /// A number is not finite.
    BadNumber,
    /// `sector` is not in the taxonomy.
    UnknownSector,
    /// `quantity` is not in the taxonomy.
    UnknownQuantity,
    /// `unit` is not the quantity's.
    UnitMismatch,
    /// `kind` is not in the taxonomy, or is `hazard`, which comes as events of type `hazard`.
    UnknownKind,
    /// `stage` is not one of the kind's.
    UnknownStage,
    /// `clause` is not in the hazard taxonomy.
    UnknownClause,
    /// The event's time is further ahead of its arrival than `max_future_skew`: quarantined.
    ClockAhead,
    /// The event is later than the longest window's horizon.
    BeyondHorizon,
    /// A stage that may not follow, after it was held for the lateness allowed.
    IllegalTransition,
    /// A command for an alert that nobody knows.
    UnknownAlert,
    /// A configured limit (held stages, subjects) is full.
    OverLimit,
}

impl Reason {
    /// Every member, in the order of the wire's documentation.
    pub const ALL: [Reason; 25] = [
        Reason::NullValue,
        Reason::EmptyValue,
        Reason::Oversized,
        Reason::NotUtf8,
        Reason::Malformed,
        Reason::TooDeep,
        Reason::DuplicateKey,
        Reason::BadEnvelope,
        Reason::UnknownType,
        Reason::MissingField,
        Reason::BadField,
        Reason::TooLong,
        Reason::BadTime,
        Reason::BadNumber,
        Reason::UnknownSector,
        Reason::UnknownQuantity,
        Reason::UnitMismatch,
        Reason::UnknownKind,
        Reason::UnknownStage,
        Reason::UnknownClause,
        Reason::ClockAhead,
        Reason::BeyondHorizon,
        Reason::IllegalTransition,
        Reason::UnknownAlert,
        Reason::OverLimit,
    ];

    /// The code in the `reason` header of a dead letter and in the `reason` label of a metric.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::NullValue => "null_value",
            Reason::EmptyValue => "empty_value",
            Reason::Oversized => "oversized",
            Reason::NotUtf8 => "not_utf8",
            Reason::Malformed => "malformed",
            Reason::TooDeep => "too_deep",
            Reason::DuplicateKey => "duplicate_key",
            Reason::BadEnvelope => "bad_envelope",
            Reason::UnknownType => "unknown_type",
            Reason::MissingField => "missing_field",
            Reason::BadField => "bad_field",
            Reason::TooLong => "too_long",
            Reason::BadTime => "bad_time",
            Reason::BadNumber => "bad_number",
            Reason::UnknownSector => "unknown_sector",
            Reason::UnknownQuantity => "unknown_quantity",
            Reason::UnitMismatch => "unit_mismatch",
            Reason::UnknownKind => "unknown_kind",
            Reason::UnknownStage => "unknown_stage",
            Reason::UnknownClause => "unknown_clause",
            Reason::ClockAhead => "clock_ahead",
            Reason::BeyondHorizon => "beyond_horizon",
            Reason::IllegalTransition => "illegal_transition",
            Reason::UnknownAlert => "unknown_alert",
            Reason::OverLimit => "over_limit",
        }
    }
}

/// An event refused: the reason, and a sentence for whoever has to mend its producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The reason, from the closed set.
    pub reason: Reason,
    /// Field, value found and what was expected; at most a few hundred bytes.
    pub detail: String,
}
