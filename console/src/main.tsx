// The console: navigation, the state of the cluster on every page, and the page that the address names.

import { effect } from "@preact/signals";
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import "./style/index.css";
import { LANGUAGES, language, setLanguage, t } from "./i18n";
import type { Language } from "./i18n";
import { cluster, isAway, silentSince, start } from "./node/live";
import { isStranger, learn, logOut, session } from "./node/session";
import { health } from "./parts/health";
import { Icon } from "./parts/icons";
import type { Theme } from "./parts/theme";
import { setTheme, show as showTheme, theme } from "./parts/theme";
import { AuditPage } from "./pages/audit";
import { Data } from "./pages/data/page";
import { Events } from "./pages/events";
import { Login } from "./pages/login";
import { Members } from "./pages/members";
import { Overview } from "./pages/overview";
import { RingPage } from "./pages/ring";
import { Sql } from "./pages/sql";
import { Tour } from "./pages/tour/page";
import type { Page } from "./router";
import { PAGES, href, route } from "./router";

const VIEWS: Record<Page, () => preact.JSX.Element> = { overview: Overview, ring: RingPage, members: Members, events: Events, data: Data, sql: Sql, audit: AuditPage, tour: Tour };
const THEMES: [Theme, "auto" | "sun" | "moon"][] = [["system", "auto"], ["light", "sun"], ["dark", "moon"]];

function App() {
  const main = useRef<HTMLElement>(null);
  const { page } = route.value;
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) {
      scrollTo(0, 0);
      main.current?.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [page]);
  const View = isStranger.value ? Login : VIEWS[page];
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>{t("skip")}</a>
      <Navigation page={page} />
      <div class="content">
        <Top page={page} />
        <main id="main" ref={main} tabIndex={-1} key={page} class={`page-${page}`}>
          <View />
        </main>
      </div>
    </div>
  );
}

function Navigation({ page }: { page: Page }) {
  return (
    <nav class="side" aria-label={t("navigation")}>
      <a class="brand" href={href("overview")} tabIndex={-1} aria-hidden="true">
        <svg viewBox="0 0 32 32" aria-hidden="true"><g fill="none" stroke-width="6"><path d="M16 4a12 12 0 0 1 10.4 18" stroke="#2f7ed8" /><path d="M26.4 22A12 12 0 0 1 5.6 22" stroke="#e0872b" /><path d="M5.6 22A12 12 0 0 1 16 4" stroke="#2f9e6e" /></g></svg>
        <span>alianza</span>
      </a>
      <ul>
        {PAGES.map((one) => (
          <li key={one}>
            <a href={href(one)} aria-current={one === page ? "page" : undefined}><Icon name={one} /><span>{t(`nav_${one}`)}</span></a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Top({ page }: { page: Page }) {
  const now = cluster.value;
  const well = health(now, silentSince.value);
  const others = now?.members.filter((member) => /^https?:\/\//.test(member.uri)) ?? [];
  const visit = (event: Event & { currentTarget: HTMLSelectElement }) => {
    const to = others.find((member) => member.nodeId === event.currentTarget.value);
    if (to && !to.self) location.href = `${to.uri}/console${location.hash}`;
  };
  return (
    <header class="top">
      <label class="at">
        <span class="hidden">{t("atNode")}</span>
        {now ? (
          <select class="small-select" value={now.nodeId} onChange={visit} title={t("atNode")}>
            {others.map((member) => <option key={member.nodeId} value={member.nodeId}>{member.name}{isAway(member.condition) ? ` (${t("notReached")})` : ""}</option>)}
          </select>
        ) : <span class="soft">…</span>}
      </label>
      <div class="chip-slot" role="status">
        {page !== "overview" && (
          <a class={`chip ${well.tone}`} href={href("overview")} title={well.sentence}>
            <Icon name={well.tone === "plain" ? "wait" : well.tone} />
            <span class="chip-text">{well.sentence}</span>
          </a>
        )}
      </div>
      <div class="top-end">
        {session.value?.name && <button type="button" class="ghost" title={t("logout_who", { name: session.value.name })} onClick={logOut}>{t("logout")}</button>}
        <div class="segments icons" role="group" aria-label={t("theme")}>
          {THEMES.map(([name, icon]) => (
            <button key={name} type="button" aria-pressed={theme.value === name} aria-label={t(`theme_${name}`)} title={t(`theme_${name}`)} onClick={() => setTheme(name)}><Icon name={icon} /></button>
          ))}
        </div>
        <div class="segments" role="group" aria-label={t("language")}>
          {(Object.keys(LANGUAGES) as Language[]).map((one) => <button key={one} type="button" lang={one} aria-pressed={language.value === one} aria-label={LANGUAGES[one]} title={LANGUAGES[one]} onClick={() => setLanguage(one)}>{one.toUpperCase()}</button>)}
        </div>
      </div>
    </header>
  );
}

showTheme();
document.documentElement.lang = language.value;
effect(() => {
  const name = cluster.value?.name;
  document.title = `${t(`nav_${route.value.page}`)} · ${name ? `${name} · ` : ""}alianza`;
});
start();
void learn();
render(<App />, document.getElementById("app")!);
