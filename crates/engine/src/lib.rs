//! cofferdam-engine
