//! cofferdam-store
