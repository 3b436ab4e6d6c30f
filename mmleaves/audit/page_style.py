"""What our pages look like, light and dark."""

BASE_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --page: #ffffff; --line: #d1d9e0;
  --soft: #59636e; --error: #b3121d; --warning: #7d4e00; --note: #0757ba; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --page: #0d1117;
  --line: #3d444d; --soft: #9198a1; --error: #ff7b72; --warning: #e3b341;
  --note: #79c0ff; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--page); margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.5rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
figure { margin: 0; }
img { max-width: 100%; height: auto; display: block; border: 1px solid var(--line); }
figcaption, .name { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
"""
