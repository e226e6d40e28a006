//! What is left out on purpose: `HAZSTREAM_TEST_SKIP=kafka:reason;observability:reason`, said again by scripts/skipped.

/// Whether the tests of this folder are to be left out. A name without a reason leaves nothing out.
pub fn left_out(folder: &str) -> bool {
    std::env::var("HAZSTREAM_TEST_SKIP").is_ok_and(|all| {
        let mut parts = all.split(';').filter_map(|part| part.trim().split_once(':'));
        parts.any(|(name, reason)| name == folder && !reason.trim().is_empty())
    })
}
