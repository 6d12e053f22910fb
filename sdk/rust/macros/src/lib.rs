//! cofferdam-macros
