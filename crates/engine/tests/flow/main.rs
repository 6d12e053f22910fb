//! What follows from what, on a real PostgreSQL: the tests play the workers.

mod approval;
mod branch;
mod callbacks;
mod groups;
mod mapping;
mod model;
mod objects;
mod room;
mod run_dag;
mod stage;
mod statements;
