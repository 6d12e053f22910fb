//! trigger_rule
