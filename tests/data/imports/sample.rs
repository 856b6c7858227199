//! use no1::x;
use a::b;
pub(crate) use c::{d, e::{self, f as g}, h::*, /* no2, */ i};
use ::root::x; use {j, k::l};
mod child; pub mod other { use super::up::thing; }
#[path = "else/where.rs"]
#[cfg(x)]
mod elsewhere;
extern crate alloc; extern crate core as c2;
/* nested /* use no3::y; */ use no4::z; */
const S: &str = r#"use no5::x; "" mod no6;"#; const C: char = '"'; fn l<'a>() {}
fn f() { crate::util::go(); let s = "use no7::q;"; include_str!("text.txt"); include!(concat!("x")); }
use r#type::x;
