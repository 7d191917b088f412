//! Hookgraph from outside: the real binary, its webhook, its API and its commands.

mod content;
mod damage;
mod door;
mod example;
mod expected;
mod export;
mod filter;
mod kill;
mod limit;
mod outage;
mod page;
mod playground;
mod processes;
mod readme;
mod send;
mod slow;
mod start;
mod subscription;
mod unavailable;
mod verify;
mod webhook;
