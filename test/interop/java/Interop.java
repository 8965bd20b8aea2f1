// Runs scenarios of the Java client against a server: java Interop <bootstrap> [scenario prefix ...].
// Prints a line for each, `ok <scenario>` or `failed <scenario> <why>`; a scenario has a minute.

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

public final class Interop {
  private static final int SECONDS = 60;

  interface Scenario {
    void run(Kit kit) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    Map<String, Scenario> all = new LinkedHashMap<>();
    Records.scenarios(all);
    Offsets.scenarios(all);
    Groups.scenarios(all);
    Administration.scenarios(all);
    Transactions.scenarios(all);
    ShareGroups.scenarios(all);
    if (args.length == 0) {
      all.keySet().forEach(System.out::println);
      return;
    }
    List<String> wanted = Arrays.asList(args).subList(1, args.length);
    // Two at a time: most of a scenario is waiting, and the two must not disturb each other.
    ExecutorService lanes = Executors.newFixedThreadPool(2);
    List<Future<?>> running = new ArrayList<>();
    for (Map.Entry<String, Scenario> entry : all.entrySet()) {
      String name = entry.getKey();
      if (!wanted.isEmpty() && wanted.stream().noneMatch(name::startsWith)) continue;
      running.add(lanes.submit(() -> report(name, entry.getValue(), args[0])));
    }
    for (Future<?> each : running) each.get();
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static void report(String name, Scenario scenario, String bootstrap) {
    long startedAt = System.nanoTime();
    ExecutorService one = Executors.newSingleThreadExecutor();
    Kit kit = new Kit(bootstrap, name);
    Future<?> run = one.submit(() -> {
      try {
        scenario.run(kit);
      } finally {
        kit.close();
      }
      return null;
    });
    String outcome;
    try {
      run.get(SECONDS, TimeUnit.SECONDS);
      outcome = "ok " + name;
    } catch (TimeoutException late) {
      run.cancel(true);
      outcome = "failed " + name + " not done after " + SECONDS + " s, at: " + kit.step;
    } catch (ExecutionException thrown) {
      outcome = "failed " + name + " after '" + kit.step + "': " + describe(thrown.getCause());
    } catch (InterruptedException stopped) {
      outcome = "failed " + name + " interrupted";
    }
    one.shutdownNow();
    long millis = (System.nanoTime() - startedAt) / 1_000_000;
    synchronized (System.out) {
      System.out.println(outcome.replace('\n', ' ') + " (" + millis + " ms)");
    }
  }

  private static String describe(Throwable thrown) {
    StringBuilder text = new StringBuilder();
    for (Throwable at = thrown; at != null; at = at.getCause()) {
      if (text.length() > 0) text.append(" <- ");
      text.append(at.getClass().getSimpleName()).append(": ").append(at.getMessage());
      for (StackTraceElement frame : at.getStackTrace()) {
        if (frame.getFileName() == null || frame.getClassName().contains(".")) continue;
        text.append(" [").append(frame.getFileName()).append(':').append(frame.getLineNumber()).append(']');
        break;
      }
    }
    return text.toString();
  }
}
