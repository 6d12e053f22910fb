//! cofferdam-objects
