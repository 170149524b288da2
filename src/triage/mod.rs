//! Which findings count: the gate and the exit code.

pub mod gate;
