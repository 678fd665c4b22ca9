//! Decides who should have which guest access, and what that changes. Pure: no clock, no files, no
//! network; everything that matters comes in as an argument, and requests go out as data.

pub mod address;
pub mod advice;
mod aim;
mod choose;
mod diff;
pub mod domain;
pub mod effort;
pub mod explain;
pub mod features;
pub mod few;
pub mod finding;
pub mod forecast;
pub mod import;
pub mod kinds;
pub mod limits;
pub mod load;
pub mod mail;
pub mod matching;
pub mod notice;
mod offboard;
mod parallel;
pub mod plan;
pub mod policy;
pub mod render;
pub mod report;
pub mod request;
pub mod revise;
pub mod rule;
pub mod safe;
pub mod schema;
pub mod snapshot;
pub mod stamp;
pub mod start;
pub mod tidy;
pub mod time;
pub mod yaml;
