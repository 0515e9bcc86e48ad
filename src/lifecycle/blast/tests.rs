//! The rules of the blast radius are tested through the orders of `operate`.
