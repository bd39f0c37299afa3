//! Whole runs, one file per story.

mod crashes;
mod credentials;
mod discovery;
mod doctor;
mod input;
mod looking;
mod main_job;
mod pace;
mod people;
mod publishing;
mod remedies;
mod safety;
mod together;
mod verdicts;
mod waiting;
