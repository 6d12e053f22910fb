// Figures of a few days of weather.

import { context, log, progress, Skip, task, xcom, type Int } from "@cofferdam/sdk";

/** One day at a station. */
export interface Day {
  day: string;
  tempMax: number;
  tempMin: number;
  rainMm?: number;
}

type Unit = "celsius" | "fahrenheit";

/** What the days have in common. */
export interface Summary {
  days: Int;
  mean: number;
  unit: Unit;
  wet: string[];
  hottest: Day;
}

type Shape = { kind: "circle"; radius: number } | { kind: "rect"; sides: [number, number] } | { kind: "nothing" };

/** Sums up the days. Without days there is nothing to do. */
export const summarize = task((days: Day[], unit: Unit = "celsius"): Summary => {
  if (days.length === 0) throw new Skip("there are no days");
  let mean = days.reduce((sum, one) => sum + (one.tempMax + one.tempMin) / 2, 0) / days.length;
  if (unit === "fahrenheit") mean = (mean * 9) / 5 + 32;
  log.info("summed up", { days: days.length, dag: context().dagId });
  progress.report(1, `${days.length} days`);
  const wet = days.filter((one) => (one.rainMm ?? 0) > 0).map((one) => one.day);
  xcom.push("wet_days", wet.length);
  const hottest = days.reduce((a, b) => (b.tempMax > a.tempMax ? b : a));
  return { days: days.length, mean: Math.round(mean * 100) / 100, unit, wet, hottest };
});

/** The area of each shape, by its place. */
export const areas = task((shapes: Shape[]): Record<string, number> => {
  console.log("shapes:", shapes.length);
  const area = (shape: Shape): number => {
    switch (shape.kind) {
      case "circle":
        return Math.PI * shape.radius ** 2;
      case "rect":
        return shape.sides[0] * shape.sides[1];
      case "nothing":
        return 0;
    }
  };
  return Object.fromEntries(shapes.map((shape, index) => [String(index), area(shape)]));
});
