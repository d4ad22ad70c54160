//! Files as archives really hold them, built byte by byte, and what the reader makes of them.

mod fixtures;
mod laws;
mod lenient;
mod limits;
mod pixels;
mod text;
mod writing;
