"""One page of HTML from any results: it works offline, asks no host for anything, and draws with plotly.js."""
