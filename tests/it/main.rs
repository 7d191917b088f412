//! Hookgraph from outside: the real binary, its webhook, its API and its commands.

mod content;
mod door;
mod example;
mod expected;
mod filter;
mod page;
mod playground;
mod send;
mod start;
mod subscription;
mod webhook;
