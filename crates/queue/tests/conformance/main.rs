//! One suite for every implementation of the queue: random histories against a model that is slow and plainly right, and
//! tests of what each promise means. What only a server can suffer is in `outage`.

mod fairness;
mod histories;
mod limits;
mod model;
mod outage;
mod protocol;
mod subject;
