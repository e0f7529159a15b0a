//! Bodies that tell when they end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::watch::Watch;

/// A body whose end is noted: that it was read, or dropped.
pub(super) struct Noted<B> {
    body: B,
    end: End,
}

/// Whose end.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Request,
    Response,
}

struct End {
    watch: Arc<Watch>,
    whose: Whose,
    turn: u64,
}

impl<B> Noted<B> {
    pub(super) fn new(body: B, whose: Whose, watch: Arc<Watch>, turn: u64) -> Self {
        Self { body, end: End { watch, whose, turn } }
    }
}

impl End {
    fn note(&self) {
        match self.whose {
            Whose::Request => self.watch.request_over(self.turn),
            Whose::Response => self.watch.response_over(self.turn),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.note();
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Noted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.end.note();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What is answered, as hyper sees it.
pub(super) type Answer = Noted<Body>;
