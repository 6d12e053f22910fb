//! cofferdam-queue
