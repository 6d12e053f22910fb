//! cofferdam-ui
