
'use strict';
(() => {
  // Everything shown is set as text: no string of the report is ever read as HTML.
  const $ = id => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const all = data.findings;
  const PAGE = 100;
  const SEVERITIES = ['critical', 'high', 'medium', 'low'];
  const el = (tag, cls, text) => {
    const e = document.createElement(tag);
    if (cls) e.className = cls;
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const rank = f => (f.ver === 'live' ? -10 : 0) + (SEVERITIES.indexOf(f.sev) + 5) % 5 + (f.decision ? 100 : 0);
  const counted = (n, one) => n.toLocaleString('en') + ' ' + one + (n === 1 ? '' : 's');
  const words = s => s.replace(/_/g, ' ');

  // What a filter looks at is made once.
  all.forEach((f, i) => {
    const rule = data.rules[f.rule];
    f.i = i;
    f.name = rule.name;
    f.provider = rule.provider || '(not said)';
    f.sevw = f.sev || '(not said)';
    f.authorw = f.author || '(not known)';
    f.tipw = f.tip === undefined ? 'not known' : f.tip.length ? 'still there' : 'in history alone';
    f.lpath = f.path.toLowerCase();
    f.hay = [f.name, f.rule, f.provider, f.path, f.secret, f.author, f.commit, f.id, f.sid, f.snip, f.decision,
      f.also && f.also.join(' '), f.who && Object.values(f.who).join(' ')].join('\n').toLowerCase();
  });
  all.sort((a, b) => rank(a) - rank(b) || a.i - b.i);

  // Filters
  const selects = { sev: 'sevw', ver: 'ver', state: 'state', provider: 'provider', author: 'authorw', tip: 'tipw' };
  for (const [id, key] of Object.entries(selects)) {
    const counts = new Map();
    for (const f of all) counts.set(f[key], (counts.get(f[key]) || 0) + 1);
    const names = [...counts.keys()].sort(id === 'sev'
      ? (a, b) => (SEVERITIES.indexOf(a) + 5) % 5 - (SEVERITIES.indexOf(b) + 5) % 5
      : (a, b) => a < b ? -1 : 1);
    $(id).append(new Option('all', ''), ...names.map(n => new Option(words(n) + ' (' + counts.get(n) + ')', n)));
    $(id).closest('label').hidden = names.length < 2 && (id === 'tip' || id === 'author' || id === 'state');
  }
  let when = '';
  const glob = text => {
    const t = text.trim().toLowerCase();
    if (!t) return null;
    if (!/[*?]/.test(t)) return p => p.includes(t);
    // Without a regex: a hostile pattern must not make the page hang.
    const match = p => {
      let i = 0, j = 0, star = -1, from = 0;
      while (i < p.length) {
        if (j < t.length && (t[j] === '?' || t[j] === p[i]) && t[j] !== '*') { i++; j++; }
        else if (t[j] === '*') { star = j++; from = i; }
        else if (star >= 0) { j = star + 1; i = ++from; }
        else return false;
      }
      while (t[j] === '*') j++;
      return j === t.length;
    };
    return t.includes('/') ? match : p => match(p) || match(p.slice(p.lastIndexOf('/') + 1));
  };
  const wanted = () => {
    const terms = $('q').value.toLowerCase().split(/\s+/).filter(Boolean);
    const path = glob($('path').value);
    const chosen = Object.entries(selects).map(([id, key]) => [key, $(id).value]).filter(([, v]) => v);
    return all.filter(f => chosen.every(([key, v]) => f[key] === v) && (!when || f.bucket === when)
      && (!path || path(f.lpath)) && terms.every(t => f.hay.includes(t)));
  };

  // The list: a page of rows at a time, details when they are opened.
  let rows = [], shown = 0;
  const list = $('list'), more = $('more');
  const tag = (text, cls) => el('span', 'tag ' + (cls || ''), text);
  const row = entry => {
    const f = entry.of[0];
    const item = el('div', 'item'), button = el('button', 'row');
    button.type = 'button';
    button.setAttribute('aria-expanded', 'false');
    const path = el('span', 'path');
    path.append(el('bdi', '', entry.of.length > 1 ? counted(entry.of.length, 'place') + ', ' + f.path : f.path + ':' + f.line));
    path.title = f.path + ':' + f.line;
    const tags = el('span');
    if (f.ver === 'live' || f.ver === 'dead' || f.ver === 'unknown') tags.append(tag(f.ver === 'live' ? 'LIVE' : f.ver, f.ver));
    if (f.state !== 'open') tags.append(tag(words(f.state), f.state));
    if (f.notice) tags.append(tag('notice'));
    if (f.tip && !f.tip.length) tags.append(tag('history'));
    if (f.class) tags.append(tag(f.class));
    button.append(el('span', 'sev ' + f.sev, f.sev || '–'), el('span', '', f.name), path, tags);
    button.addEventListener('click', () => toggle(item, button, entry));
    item.append(button);
    return item;
  };
  const toggle = (item, button, entry) => {
    const open = button.getAttribute('aria-expanded') === 'true';
    button.setAttribute('aria-expanded', String(!open));
    if (open) item.lastChild.remove();
    else item.append(details(entry));
  };
  const link = (text, href) => {
    if (!/^https?:\/\//.test(href)) return el('span', '', text);
    const a = el('a', '', text);
    a.href = href; a.rel = 'noreferrer noopener'; a.target = '_blank';
    return a;
  };
  const details = entry => {
    const f = entry.of[0], rule = data.rules[f.rule], box = el('div', 'more'), dl = el('dl');
    const snip = el('code', 'snip'), chars = [...f.snip];
    snip.append(chars.slice(0, f.mark[0]).join(''), el('mark', '', chars.slice(f.mark[0], f.mark[1]).join('')), chars.slice(f.mark[1]).join(''));
    const fact = (name, value) => {
      if (value === undefined || value === '') return;
      const dd = el('dd');
      dd.append(value);
      dl.append(el('dt', '', name), dd);
    };
    const object = o => o && Object.entries(o).map(([k, v]) => words(k) + ' ' + v).join(', ');
    fact('Secret', el('code', '', f.secret));
    if (entry.of.length > 1) {
      const ul = el('ul');
      for (const o of entry.of.slice(0, 200)) ul.append(el('li', '', o.path + ':' + o.line + ' (' + o.name + ')'));
      if (entry.of.length > 200) ul.append(el('li', '', counted(entry.of.length - 200, 'more place')));
      fact('Places', ul);
    } else {
      fact('Place', f.link ? link(f.path + ':' + f.line, f.link) : f.path + ':' + f.line);
      fact('Found', f.n > 1 ? counted(f.n, 'time') : undefined);
    }
    fact('Confidence', f.conf);
    fact('Verification', words(f.ver) + (f.since ? ' since ' + f.since.slice(0, 10) : '') + (f.why ? ': ' + f.why : ''));
    fact('Whose', object(f.who));
    fact('It tells', object(f.facts));
    fact('Decision', f.decision);
    fact('Exposure', f.exp && words(f.exp));
    fact('At the tip of', f.tip && (f.tip.length ? f.tip.join(', ') : 'no branch: in history alone'));
    fact('Entered', [f.date && f.date.slice(0, 10), f.author && 'by ' + f.author, f.commit && 'in ' + f.commit.slice(0, 12)].filter(Boolean).join(' '));
    fact('Owners', f.owners);
    fact('Rule', f.rule + (f.also ? ', also ' + f.also.join(', ') : ''));
    fact('Fingerprint', el('code', '', f.id));
    const todo = el('div', 'todo');
    const first = f.ver === 'live' ? 'It is live: revoke it first. '
      : f.exp === 'pushed' || f.exp === 'merged' ? 'It is pushed: revoke it first, deleting it is not enough. ' : '';
    todo.append(el('strong', '', 'What to do: '), first + rule.steps + ' ');
    if (rule.rotate) todo.append(link('Revoke it', rule.rotate));
    box.append(snip, dl);
    if (rule.steps || rule.rotate || first) box.append(todo);
    return box;
  };
  const page = () => {
    const part = document.createDocumentFragment();
    for (const entry of rows.slice(shown, shown + PAGE)) part.append(row(entry));
    list.append(part);
    shown = Math.min(rows.length, shown + PAGE);
    more.hidden = shown >= rows.length;
  };
  const show = () => {
    const found = wanted();
    if ($('group').checked) {
      const secrets = new Map();
      for (const f of found) {
        const key = f.sid || f.id;
        const of = secrets.get(key);
        if (of) of.push(f); else secrets.set(key, [f]);
      }
      rows = [...secrets.values()].map(of => ({ of }));
    } else rows = found.map(f => ({ of: [f] }));
    $('count').textContent = (found.length === all.length ? '' : found.length.toLocaleString('en') + ' of ') + counted(all.length, 'finding')
      + ($('group').checked ? ', ' + counted(rows.length, 'secret') : '') + (when ? ', entered ' + when : '');
    list.replaceChildren();
    shown = 0;
    page();
    for (const b of document.querySelectorAll('#cards button')) b.setAttribute('aria-pressed', String(b.is()));
    for (const b of document.querySelectorAll('#chart button')) b.setAttribute('aria-pressed', String(b.value === when));
  };
  more.firstChild.addEventListener('click', page);
  new IntersectionObserver(e => { if (e.some(x => x.isIntersecting) && !more.hidden) page(); }, { rootMargin: '600px' }).observe(more);

  // At a glance
  const scan = data.scan;
  $('about').textContent = [scan.roots.join(', '), scan.started && scan.started.slice(0, 16).replace('T', ' ') + ' UTC',
    scan.blobs ? counted(scan.blobs, 'text') + ' looked at' : '', 'keysift ' + data.tool.version].filter(Boolean).join(' · ');
  if (scan.gaps.length) {
    const ul = el('ul');
    for (const g of scan.gaps) ul.append(el('li', '', g));
    $('gaps').append(el('strong', '', 'Not everything was looked at'), ul);
    $('gaps').hidden = false;
  }
  const card = (n, name, id, value) => {
    const b = el('button', '');
    b.type = 'button';
    b.append(el('b', '', n.toLocaleString('en')), name);
    b.is = () => $(id).value === value && (value !== '' || !$('ver').value);
    b.addEventListener('click', () => { $(id).value = b.is() ? '' : value; show(); });
    $('cards').append(b);
  };
  const number = (key, value) => all.filter(f => f[key] === value).length;
  if (number('ver', 'live')) card(number('ver', 'live'), 'live', 'ver', 'live');
  for (const s of SEVERITIES) if (number('sev', s)) card(number('sev', s), s, 'sev', s);
  if (number('tipw', 'still there')) card(number('tipw', 'still there'), 'still at a tip', 'tip', 'still there');
  if (number('tipw', 'in history alone')) card(number('tipw', 'in history alone'), 'in history alone', 'tip', 'in history alone');

  // The timeline: months, quarters or years, whichever gives a readable number of bars.
  const dated = all.filter(f => /^\d{4}-\d\d/.test(f.date || ''));
  if (dated.length) {
    const month = f => Number(f.date.slice(0, 4)) * 12 + Number(f.date.slice(5, 7)) - 1;
    let low = Infinity, high = -Infinity;
    for (const f of dated) { const m = month(f); if (m < low) low = m; if (m > high) high = m; }
    const span = high - low + 1, size = span <= 48 ? 1 : span <= 160 ? 3 : 12;
    const name = b => { const m = b * size, y = Math.floor(m / 12); return size === 12 ? String(y) : size === 3 ? y + ' Q' + (Math.floor(m % 12 / 3) + 1) : y + '-' + String(m % 12 + 1).padStart(2, '0'); };
    const bars = new Map();
    const first = Math.floor(low / size), last = Math.min(Math.floor(high / size), first + 400);
    for (let b = first; b <= last; b++) bars.set(b, { tip: 0, gone: 0 });
    for (const f of dated) {
      const b = Math.floor(month(f) / size), bar = bars.get(b);
      f.bucket = name(b);
      if (bar) bar[f.tipw === 'in history alone' ? 'gone' : 'tip']++;
    }
    const most = Math.max(...[...bars.values()].map(b => b.tip + b.gone));
    const every = Math.ceil(bars.size / 14);
    let n = 0;
    for (const [b, bar] of bars) {
      const button = el('button'), label = name(b);
      button.type = 'button';
      button.value = label;
      button.title = label + ': ' + counted(bar.tip, 'secret') + ' still at a tip, ' + bar.gone + ' in history alone';
      button.setAttribute('aria-label', button.title);
      for (const kind of ['gone', 'tip']) {
        const part = el('span', kind);
        part.style.height = bar[kind] ? Math.max(2, bar[kind] / most * 90) + 'px' : '0';
        button.append(part);
      }
      button.append(el('span', 'when', n++ % every === 0 ? label : ''));
      button.addEventListener('click', () => { when = when === label ? '' : label; show(); });
      $('chart').append(button);
    }
    $('legend').append(el('span', 'dot tip'), 'still at a tip', el('span', 'dot gone'), 'in history alone');
    $('history').hidden = false;
  }

  // Typing and keys
  $('filters').addEventListener('submit', e => e.preventDefault());
  $('filters').addEventListener('input', show);
  const clear = () => { $('filters').reset(); when = ''; show(); };
  $('clear').addEventListener('click', e => { e.preventDefault(); clear(); });
  const move = by => {
    const buttons = [...list.querySelectorAll('.row')];
    const at = buttons.indexOf(document.activeElement);
    const next = at < 0 ? 0 : at + by;
    if (next >= buttons.length && !more.hidden) { page(); return move(by); }
    const b = buttons[Math.max(0, Math.min(buttons.length - 1, next))];
    if (b) { b.focus(); b.scrollIntoView({ block: 'nearest' }); }
  };
  document.addEventListener('keydown', e => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) && e.target.type !== 'checkbox';
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'Escape') { clear(); e.target.blur(); return; }
    if (typing) return;
    if (e.key === '/') { e.preventDefault(); $('q').focus(); }
    else if (e.key === 'j' || e.key === 'ArrowDown' && e.target.className === 'row') { e.preventDefault(); move(1); }
    else if (e.key === 'k' || e.key === 'ArrowUp' && e.target.className === 'row') { e.preventDefault(); move(-1); }
    else if (e.key === 'g') { $('group').checked = !$('group').checked; show(); }
  });
  show();
  document.documentElement.dataset.ready = 'yes';
})();
